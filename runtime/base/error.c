/* error.c - messages in fixed buffers, and the end of the process when an invariant does not hold. Any thread. */
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends a message that did not fit with "...", never in the middle of a UTF-8 sequence. */
static void mark_cut(char *text, size_t size)
{
    size_t at = size - 4;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80) at--;
    memcpy(text + at, "...", 4);
}

weir_status weir_error_vset(struct weir_error *error, weir_status status, const char *format, va_list args)
{
    if (!error) return status;
    char text[sizeof error->text]; /* apart, since the arguments may point into error->text */
    int n = vsnprintf(text, sizeof text, format, args);
    if (n < 0) {
        n = 0;
        text[0] = 0;
    }
    if ((size_t)n >= sizeof text) {
        mark_cut(text, sizeof text);
        n = (int)strlen(text);
    }
    error->status = status;
    memcpy(error->text, text, (size_t)n + 1);
    return status;
}

weir_status weir_error_set(struct weir_error *error, weir_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_error_vset(error, status, format, args);
    va_end(args);
    return status;
}

weir_status weir_error_prefix(struct weir_error *error, const char *format, ...)
{
    if (!error) return WEIR_OK;
    char text[sizeof error->text];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n >= sizeof text ? sizeof text - 1 : (size_t)n;
    size_t more = strlen(error->text);
    bool cut = used + more >= sizeof text;
    if (cut) more = sizeof text - 1 - used;
    memcpy(text + used, error->text, more);
    text[used + more] = 0;
    if (cut) mark_cut(text, sizeof text);
    memcpy(error->text, text, sizeof text);
    return error->status;
}

const char *weir_status_name(weir_status status)
{
    switch (status) {
    case WEIR_OK: return "ok";
    case WEIR_MORE: return "not finished";
    case WEIR_E_DATA: return "data error";
    case WEIR_E_CONFIG: return "configuration error";
    case WEIR_E_IO: return "input/output error";
    case WEIR_E_MEMORY: return "out of memory";
    case WEIR_E_PLUGIN: return "plugin error";
    case WEIR_E_BUG: return "internal error";
    case WEIR_E_CANCELLED: return "cancelled";
    }
    return "unknown status";
}

_Noreturn void weir_assert_failed(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "weir: internal error: %s does not hold, in %s at %s:%d\n", condition, function, file, line);
    abort();
}
