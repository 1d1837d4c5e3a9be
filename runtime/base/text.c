/* text.c - growing strings, suggestions, and values as manifests write them. Independent of the locale. Any thread. */
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <weir/text.h>

#include "base/alloc.h"

/* ---- growing strings --------------------------------------------------------------------------------------------- */

static char *room(struct weir_text *t, size_t more)
{
    WEIR_GROW(t->p, t->capacity, t->n + more + 1);
    return t->p + t->n;
}

void weir_text_add(struct weir_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n > 0) {
        vsnprintf(room(t, (size_t)n), (size_t)n + 1, format, again);
        t->n += (size_t)n;
    }
    va_end(again);
}

void weir_text_add_bytes(struct weir_text *t, const void *bytes, size_t n)
{
    char *to = room(t, n);
    if (n) memcpy(to, bytes, n);
    to[n] = 0;
    t->n += n;
}

void weir_text_add_json(struct weir_text *t, const char *s)
{
    static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";
    weir_text_add_bytes(t, "\"", 1);
    for (; *s; s++) {
        const char *special = strchr(plain, *s);
        if (special) weir_text_add(t, "\\%c", escaped[special - plain]);
        else if ((unsigned char)*s < 0x20) weir_text_add(t, "\\u%04x", (unsigned)*s);
        else weir_text_add_bytes(t, s, 1);
    }
    weir_text_add_bytes(t, "\"", 1);
}

const char *weir_text_get(const struct weir_text *t)
{
    return t->p ? t->p : "";
}

char *weir_text_take(struct weir_text *t)
{
    char *p = t->p ? t->p : weir_strdup("");
    *t = (struct weir_text){0};
    return p;
}

void weir_text_finish(struct weir_text *t)
{
    weir_free(t->p);
    *t = (struct weir_text){0};
}

/* ---- did you mean ------------------------------------------------------------------------------------------------ */

#define NAME_MAX_SUGGESTED 64

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, substitutions, and swaps of neighbours, one each. Three rolling rows. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned rows[3][NAME_MAX_SUGGESTED + 1];
    for (size_t j = 0; j <= m; j++) rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned d = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            now[j] = swapped ? least(d, before[j - 2] + 1) : d;
        }
    }
    return rows[n % 3][m];
}

const char *weir_nearest(const char *name, const char *const *candidates, size_t n)
{
    size_t length = name ? strlen(name) : 0;
    if (length == 0 || length > NAME_MAX_SUGGESTED) return NULL;
    unsigned limit = length < 6 ? 1 : (unsigned)(length / 3), best = limit + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t m = candidates[i] ? strlen(candidates[i]) : 0;
        if (m == 0 || m > NAME_MAX_SUGGESTED) continue;
        unsigned d = distance(name, length, candidates[i], m);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit size_units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1000000000},
                                         {"MB", 1000000},  {"KB", 1000},     {"B", 1}};

#define DURATION_RULE "write a duration as whole numbers with the units ms, s, min, h, d, such as \"5s\" or \"1h 30min\""
#define SIZE_RULE \
    "write a size as a whole number with a unit B, KB, MB, GB (1000s) or KiB, MiB, GiB (1024s), such as \"64KiB\""

static weir_status unknown_unit(const char *text, const char *unit, size_t n, const struct unit *units, size_t n_units,
                                const char *rule, struct weir_error *error)
{
    static const char *const words[][2] = {{"m", "min"},       {"mins", "min"},  {"minute", "min"}, {"minutes", "min"},
                                           {"sec", "s"},       {"secs", "s"},    {"second", "s"},   {"seconds", "s"},
                                           {"hour", "h"},      {"hours", "h"},   {"day", "d"},      {"days", "d"},
                                           {"millis", "ms"},   {"kb", "KB"},     {"mb", "MB"},      {"gb", "GB"},
                                           {"K", "KiB"},       {"M", "MiB"},     {"G", "GiB"},      {"kib", "KiB"},
                                           {"mib", "MiB"},     {"gib", "GiB"},   {"k", "KiB"},      {"b", "B"}};
    for (size_t i = 0; i < WEIR_LEN(words); i++) {
        if (strlen(words[i][0]) != n || strncmp(words[i][0], unit, n) != 0) continue;
        for (size_t k = 0; k < n_units; k++) {
            if (strcmp(units[k].name, words[i][1]) != 0) continue;
            return weir_error_set(error, WEIR_E_CONFIG, "'%s' has the unknown unit '%.*s': did you mean '%s'? %s", text,
                                  (int)n, unit, words[i][1], rule);
        }
    }
    return weir_error_set(error, WEIR_E_CONFIG, "'%s' has the unknown unit '%.*s': %s", text, (int)n, unit, rule);
}

static const struct unit *find_unit(const char *p, size_t n, const struct unit *units, size_t n_units)
{
    for (size_t i = 0; i < n_units; i++) {
        if (strlen(units[i].name) == n && strncmp(p, units[i].name, n) == 0) return &units[i];
    }
    return NULL;
}

/* Reads digits with single underscores between them. False: none, or they do not fit. */
static bool read_digits(const char **text, int64_t *value)
{
    const char *p = *text;
    int64_t v = 0;
    if (!weir_text_is_digit_(*p)) return false;
    for (; weir_text_is_digit_(*p) || (*p == '_' && p[-1] != '_' && weir_text_is_digit_(p[1])); p++) {
        if (*p == '_') continue;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v)) return false;
    }
    *text = p;
    *value = v;
    return true;
}

static size_t word_length(const char *p)
{
    size_t n = 0;
    while (p[n] && p[n] != ' ' && !weir_text_is_digit_(p[n])) n++;
    return n;
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ') p++;
    return p;
}

/* number unit (number unit)*, or one number alone, which counts in the last unit of the table, as in bytes. */
static weir_status parse_with_units(const char *text, const struct unit *units, size_t n_units, bool may_repeat,
                                    bool may_be_negative, const char *rule, int64_t *value, struct weir_error *error)
{
    const char *p = skip_spaces(text);
    bool negative = *p == '-';
    int64_t sum = 0;
    if (negative && !may_be_negative) return weir_error_set(error, WEIR_E_CONFIG, "'%s' is negative: %s", text, rule);
    if (negative) p++;
    for (unsigned parts = 0; parts == 0 || *p; parts++) {
        int64_t number, part;
        if ((parts > 0 && !may_repeat) || !weir_text_is_digit_(*p)) {
            return weir_error_set(error, WEIR_E_CONFIG, "'%s' is not understood: %s", text, rule);
        }
        if (!read_digits(&p, &number)) return weir_error_set(error, WEIR_E_CONFIG, "'%s' is too large", text);
        p = skip_spaces(p);
        size_t n = word_length(p);
        const struct unit *unit = find_unit(p, n, units, n_units);
        if (n == 0 && parts == 0 && !*p) unit = &units[n_units - 1];
        if (!unit && n == 0) return weir_error_set(error, WEIR_E_CONFIG, "'%s' has a number without a unit: %s", text, rule);
        if (!unit) return unknown_unit(text, p, n, units, n_units, rule, error);
        if (__builtin_mul_overflow(number, unit->factor, &part) || __builtin_add_overflow(sum, part, &sum)) {
            return weir_error_set(error, WEIR_E_CONFIG, "'%s' is too large", text);
        }
        p = skip_spaces(p + n);
    }
    *value = negative ? -sum : sum;
    return WEIR_OK;
}

weir_status weir_parse_duration(const char *text, int64_t *ms, struct weir_error *error)
{
    const char *number = skip_spaces(text);
    size_t n = strspn(number, "-0123456789_");
    int64_t value = 0;
    weir_status s =
        parse_with_units(text, duration_units, WEIR_LEN(duration_units), true, true, DURATION_RULE, &value, error);
    if (s != WEIR_OK) return s;
    if (value != 0 && !*skip_spaces(number + n))
        return weir_error_set(error, WEIR_E_CONFIG,
                              "'%s' has no unit: write %.*sms if milliseconds are meant; the units are ms, s, min, h and d",
                              text, (int)n, number);
    *ms = value;
    return WEIR_OK;
}

weir_status weir_parse_size(const char *text, int64_t *bytes, struct weir_error *error)
{
    return parse_with_units(text, size_units, WEIR_LEN(size_units), false, false, SIZE_RULE, bytes, error);
}

/* text without the underscores that stand between two digits. The caller frees. */
static char *without_underscores(const char *text)
{
    char *copy = weir_strdup(text), *to = copy;
    for (const char *p = text; *p; p++) {
        bool separator = *p == '_' && p > text && weir_text_is_digit_(p[-1]) && weir_text_is_digit_(p[1]);
        if (!separator) *to++ = *p;
    }
    *to = 0;
    return copy;
}

/* [+-] digits, nothing else. */
static bool is_integer(const char *p)
{
    if (*p == '-' || *p == '+') p++;
    if (!*p) return false;
    while (weir_text_is_digit_(*p)) p++;
    return !*p;
}

weir_status weir_parse_i64(const char *text, int64_t *value, struct weir_error *error)
{
    char *digits = without_underscores(text);
    bool fine = weir_text_to_i64(digits, strlen(digits), value), integer = is_integer(digits);
    weir_free(digits);
    if (fine) return WEIR_OK;
    if (integer) {
        return weir_error_set(error, WEIR_E_CONFIG, "'%s' does not fit: whole numbers go from %lld to %lld", text,
                              (long long)INT64_MIN, (long long)INT64_MAX);
    }
    return weir_error_set(error, WEIR_E_CONFIG, "'%s' is not a whole number: write digits, such as 12, -7 or 1_000_000",
                          text);
}

weir_status weir_parse_f64(const char *text, double *value, struct weir_error *error)
{
    char *digits = without_underscores(text);
    double v = 0;
    bool fine = weir_text_to_f64(digits, strlen(digits), &v);
    weir_free(digits);
    if (!fine || !isfinite(v)) {
        return weir_error_set(error, WEIR_E_CONFIG, "'%s' is not a finite number: write it as 12, -0.5 or 1e9", text);
    }
    *value = v;
    return WEIR_OK;
}

weir_status weir_parse_bool(const char *text, bool *value, struct weir_error *error)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0) {
        return weir_error_set(error, WEIR_E_CONFIG, "'%s' is neither true nor false", text);
    }
    *value = yes;
    return WEIR_OK;
}

void weir_text_add_duration(struct weir_text *t, int64_t ms)
{
    uint64_t rest = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    const char *between = ms < 0 ? "-" : "";
    if (ms == 0) weir_text_add(t, "0ms");
    for (size_t i = 0; i < WEIR_LEN(duration_units); i++) {
        uint64_t factor = (uint64_t)duration_units[i].factor, count = rest / factor;
        if (count == 0) continue;
        weir_text_add(t, "%s%llu%s", between, (unsigned long long)count, duration_units[i].name);
        rest -= count * factor;
        between = " ";
    }
}

void weir_text_add_time(struct weir_text *t, int64_t ms)
{
    char text[WEIR_TEXT_MAX];
    if (ms == INT64_MIN || ms == INT64_MAX)
        weir_text_add(t, ms == INT64_MIN ? "none yet" : "the end");
    else
        weir_text_add_bytes(t, text, weir_text_from_time(text, ms));
}

void weir_text_add_size(struct weir_text *t, int64_t bytes)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes > -1024 && bytes < 1024) {
        weir_text_add(t, "%lld B", (long long)bytes);
        return;
    }
    double v = (bytes < 0 ? -(double)bytes : (double)bytes) / 1024;
    size_t unit = 0;
    for (; v >= 1023.95 && unit + 1 < WEIR_LEN(names); unit++) v /= 1024;
    int tenths = (int)(v * 10 + 0.5); /* by hand: printf's decimal point depends on the locale */
    weir_text_add(t, "%s%d", bytes < 0 ? "-" : "", tenths / 10);
    if (tenths % 10) weir_text_add(t, ".%d", tenths % 10);
    weir_text_add(t, " %s", names[unit]);
}

void weir_text_add_count(struct weir_text *t, uint64_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) weir_text_add_bytes(t, ",", 1);
        weir_text_add_bytes(t, digits + i, 1);
    }
}
