/* base/error.h - how a function says what went wrong.
 *
 * A function that can fail returns weir_status and takes `struct weir_error *` last. The caller owns it; it is a fixed
 * buffer, so nothing is allocated on failure. A message says where, what was expected, what was found and what to do.
 */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

#include <stdarg.h>
#include <weir/abi.h>

#define WEIR_CHECKED __attribute__((warn_unused_result))
#define WEIR_PRINTF(f, a) __attribute__((format(printf, f, a)))

struct weir_error {
    weir_status status;
    char text[4096]; /* NUL-terminated; cut with "..." when longer; may hold several lines */
};

/* Sets the message and returns `status`, so that `return weir_error_set(...)` reads well. error may be NULL. */
weir_status weir_error_set(struct weir_error *error, weir_status status, const char *format, ...) WEIR_PRINTF(3, 4);
weir_status weir_error_vset(struct weir_error *error, weir_status status, const char *format, va_list args);
/* Puts text before the message that is there: "node 'pages': " + ...; returns error->status. */
weir_status weir_error_prefix(struct weir_error *error, const char *format, ...) WEIR_PRINTF(2, 3);

const char *weir_status_name(weir_status status); /* "data error", "configuration error", ...; never NULL */

/* An invariant that does not hold ends the process with the place, in release builds too. */
#define WEIR_ASSERT(condition)                                                                                        \
    do {                                                                                                              \
        if (__builtin_expect(!(condition), 0)) weir_assert_failed(#condition, __FILE__, __LINE__, __func__);          \
    } while (0)
_Noreturn void weir_assert_failed(const char *condition, const char *file, int line, const char *function);

#endif
