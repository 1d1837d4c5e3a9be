/* log.c - one line per call on standard error. Levels are set before threads start and only read afterwards. */
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <weir/text.h>

#include "base/platform.h"
#include "base/text.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const subsystems[] = {"base",     "data",   "graph", "loader", "channel", "time", "state", "checkpoint",
                                         "operator", "window", "task",  "job",    "embed",   "cli",  "plugin"};

static struct {
    weir_log_level common;
    uint8_t by_subsystem[WEIR_LEN(subsystems)]; /* one more than its level; 0: the common one */
    void (*to)(void *arg, const char *line);
    void *arg;
} settings = {.common = WEIR_INFO};

static int index_of(const char *const *names, size_t n, const char *name, size_t length)
{
    for (size_t i = 0; i < n; i++) {
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0) return (int)i;
    }
    return -1;
}

static weir_status unknown(const char *what, const char *word, size_t n, const char *const *names, size_t n_names,
                           struct weir_error *error)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)n, word);
    const char *near = weir_nearest(name, names, n_names);
    return weir_error_set(error, WEIR_E_CONFIG,
                          "WEIR_LOG: unknown %s '%s'%s%s%s: write a level (error, warn, info, debug) or "
                          "subsystem:level, separated by commas, such as \"warn,task:debug\"",
                          what, name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* "debug" or "task:debug". */
static weir_status configure_part(const char *part, size_t n, struct weir_error *error)
{
    const char *colon = memchr(part, ':', n);
    const char *level_text = colon ? colon + 1 : part;
    size_t level_length = n - (size_t)(level_text - part);
    int level = index_of(level_names, WEIR_LEN(level_names), level_text, level_length);
    if (level < 0) return unknown("level", level_text, level_length, level_names, WEIR_LEN(level_names), error);
    if (colon) {
        int subsystem = index_of(subsystems, WEIR_LEN(subsystems), part, (size_t)(colon - part));
        if (subsystem < 0) {
            return unknown("subsystem", part, (size_t)(colon - part), subsystems, WEIR_LEN(subsystems), error);
        }
        settings.by_subsystem[subsystem] = (uint8_t)(level + 1);
    } else {
        settings.common = (weir_log_level)level;
    }
    return WEIR_OK;
}

/* Two passes, so that "task:debug,warn" means the same as "warn,task:debug". */
static weir_status configure_parts(const char *spec, bool of_subsystems, struct weir_error *error)
{
    while (*spec) {
        size_t n = strcspn(spec, ",");
        if (n > 0 && (memchr(spec, ':', n) != NULL) == of_subsystems) {
            weir_status s = configure_part(spec, n, error);
            if (s != WEIR_OK) return s;
        }
        spec += n + (spec[n] == ',');
    }
    return WEIR_OK;
}

weir_status weir_log_configure(const char *spec, struct weir_error *error)
{
    settings.common = WEIR_INFO;
    memset(settings.by_subsystem, 0, sizeof settings.by_subsystem);
    weir_status s = configure_parts(spec ? spec : "", false, error);
    return s != WEIR_OK ? s : configure_parts(spec ? spec : "", true, error);
}

bool weir_log_enabled(weir_log_level level, const char *subsystem)
{
    int i = index_of(subsystems, WEIR_LEN(subsystems), subsystem, strlen(subsystem));
    bool has_own = i >= 0 && settings.by_subsystem[i] > 0;
    return has_own ? level < settings.by_subsystem[i] : level <= settings.common;
}

void weir_log(weir_log_level level, const char *subsystem, const char *format, ...)
{
    if (!weir_log_enabled(level, subsystem)) return;
    const struct weir_platform *os = weir_platform_os();
    struct weir_error message = {0}; /* a bounded text: logging must not allocate */
    char line[sizeof message.text + 128], at[WEIR_TEXT_MAX + 1];
    va_list args;
    va_start(args, format);
    weir_error_vset(&message, WEIR_OK, format, args);
    va_end(args);
    at[weir_text_from_time(at, os->wall_ms(os->self))] = 0;
    int n = snprintf(line, sizeof line, "%s %-5s %s: %s\n", at, level_names[level], subsystem, message.text);
    if (settings.to)
        settings.to(settings.arg, line);
    else
        (void)os->print(os->self, 2, line, (size_t)n, NULL);
}

void weir_log_redirect(void (*to)(void *arg, const char *line), void *arg)
{
    settings.to = to;
    settings.arg = arg;
}
