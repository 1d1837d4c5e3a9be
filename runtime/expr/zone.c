/* zone.c - time zones: the 64-bit part of a TZif file (RFC 8536), and its footer, a POSIX TZ string, for all times after
 * the last transition in the file.
 */
#include "expr/zone_internal.h"

#include <stdio.h>
#include <string.h>
#include <weir/text.h>

#include "base/alloc.h"

#define FOLDER     "/usr/share/zoneinfo/"
#define MOST_BYTES ((size_t)1 << 20)
#define DAY        86400

/* The day of a year on which a clock changes, by POSIX: Mm.w.d, Jn (no leap day) or n (from 0). */
struct rule {
    char kind; /* 'M', 'J', '0' */
    int month, week, day;
    int64_t time; /* s after local midnight */
};

struct weir__zone {
    int64_t *at;     /* s: transitions, ascending */
    int32_t *offset; /* s: from at[i] on */
    size_t n;
    int64_t first;            /* s: before at[0] */
    int64_t standard, summer; /* s: after the last transition, by the rules */
    bool changes;             /* there is a summer time */
    struct rule starts, ends;
};

void weir__zone_destroy(void *zone)
{
    struct weir__zone *z = zone;
    if (!z) return;
    weir_free(z->at);
    weir_free(z->offset);
    weir_free(z);
}

/* ---- the footer ------------------------------------------------------------------------------------------------------ */

static bool skip_name(const char **p)
{
    const char *start = *p;
    if (**p == '<') {
        while (**p && **p != '>') ++*p;
        return *(*p)++ == '>';
    }
    while ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z')) ++*p;
    return *p - start >= 3;
}

static bool read_int(const char **p, int most, int *v)
{
    int n = 0;
    for (*v = 0; **p >= '0' && **p <= '9' && n < 4; n++) *v = *v * 10 + (*(*p)++ - '0');
    return n > 0 && *v <= most;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool read_time(const char **p, int64_t *s)
{
    bool negative = **p == '-';
    int h, m = 0, sec = 0;
    if (**p == '-' || **p == '+') ++*p;
    if (!read_int(p, 167, &h)) return false;
    if (**p == ':' && (++*p, !read_int(p, 59, &m))) return false;
    if (**p == ':' && (++*p, !read_int(p, 59, &sec))) return false;
    *s = h * 3600 + m * 60 + sec;
    if (negative) *s = -*s;
    return true;
}

static bool read_rule(const char **p, struct rule *r)
{
    if (*(*p)++ != ',') return false;
    r->kind = **p == 'M' || **p == 'J' ? *(*p)++ : '0';
    r->time = 7200;
    if (r->kind == 'M') {
        if (!read_int(p, 12, &r->month) || *(*p)++ != '.' || !read_int(p, 5, &r->week) || *(*p)++ != '.' ||
            !read_int(p, 6, &r->day))
            return false;
        if (r->month < 1 || r->week < 1) return false;
    } else if (!read_int(p, 365, &r->day)) {
        return false;
    }
    return **p != '/' || (++*p, read_time(p, &r->time));
}

static bool read_footer(const char *p, struct weir__zone *z)
{
    int64_t west;
    if (!*p) { /* no rule: the last offset for ever */
        z->standard = z->n ? z->offset[z->n - 1] : z->first;
        return true;
    }
    if (!skip_name(&p) || !read_time(&p, &west)) return false;
    z->standard = -west;
    if (!*p) return true;
    if (!skip_name(&p)) return false;
    z->summer = z->standard + 3600;
    if (*p && *p != ',') {
        if (!read_time(&p, &west)) return false;
        z->summer = -west;
    }
    z->changes = true;
    return read_rule(&p, &z->starts) && read_rule(&p, &z->ends) && !*p;
}

/* ---- the file -------------------------------------------------------------------------------------------------------- */

static int64_t big_endian(const uint8_t *p, int bytes)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < bytes; i++) v = v << 8 | p[i];
    return (int64_t)v;
}

struct counts {
    size_t utc, standard, leaps, times, types, chars;
};

static bool read_header(const uint8_t *p, size_t n, struct counts *c)
{
    if (n < 44 || memcmp(p, "TZif", 4) != 0 || p[4] < '2') return false;
    size_t *to[] = {&c->utc, &c->standard, &c->leaps, &c->times, &c->types, &c->chars};
    for (size_t i = 0; i < 6; i++) {
        *to[i] = (size_t)(uint32_t)big_endian(p + 20 + 4 * i, 4);
        if (*to[i] > MOST_BYTES) return false;
    }
    return true;
}

static size_t body_size(const struct counts *c, size_t time_size)
{
    return c->times * (time_size + 1) + c->types * 6 + c->chars + c->leaps * (time_size + 4) + c->standard + c->utc;
}

static bool read_body(const uint8_t *p, const struct counts *c, struct weir__zone *z)
{
    const uint8_t *types = p + c->times * 8, *infos = types + c->times;
    if (c->types == 0) return false;
    z->n = c->times;
    z->at = weir_alloc_array(z->n + 1, sizeof *z->at);
    z->offset = weir_alloc_array(z->n + 1, sizeof *z->offset);
    z->first = big_endian(infos, 4);
    for (size_t i = 0; i < z->n; i++) {
        if (types[i] >= c->types) return false;
        z->at[i] = big_endian(p + 8 * i, 8);
        z->offset[i] = (int32_t)big_endian(infos + 6 * types[i], 4);
        if (i > 0 && z->at[i] <= z->at[i - 1]) return false;
    }
    return true;
}

static bool read_file(const uint8_t *p, size_t n, struct weir__zone *z)
{
    struct counts c;
    char footer[128];
    if (!read_header(p, n, &c)) return false;
    size_t first = 44 + body_size(&c, 4);
    if (first > n || !read_header(p + first, n - first, &c)) return false;
    p += first + 44;
    n -= first + 44;
    size_t size = body_size(&c, 8);
    if (size >= n || !read_body(p, &c, z) || p[size] != '\n') return false;
    const uint8_t *end = memchr(p + size + 1, '\n', n - size - 1);
    size_t length = end ? (size_t)(end - p) - size - 1 : sizeof footer;
    if (length >= sizeof footer) return false;
    memcpy(footer, p + size + 1, length);
    footer[length] = 0;
    return read_footer(footer, z);
}

weir_status weir__zone_parse(const uint8_t *bytes, size_t n, struct weir__zone **zone, struct weir_error *error)
{
    *zone = weir_alloc(sizeof **zone);
    if (read_file(bytes, n, *zone)) return WEIR_OK;
    weir__zone_destroy(*zone);
    *zone = NULL;
    return weir_error_set(error, WEIR_E_CONFIG, "it is no time zone file of version 2 or later");
}

static bool is_fixed(const char *name, int64_t *offset)
{
    int minutes = 0;
    const char *p = name, *end = name + strlen(name);
    *offset = 0;
    if (!strcmp(name, "UTC")) return true;
    if (!weir_text_offset_(&p, end, &minutes) || p != end) return false;
    *offset = minutes * 60;
    return true;
}

weir_status weir__zone_load(const struct weir_platform *platform, const char *name, struct weir__zone **zone,
                            struct weir_error *error)
{
    char path[128], *bytes;
    size_t n;
    int64_t fixed;
    if (is_fixed(name, &fixed)) {
        *zone = weir_alloc(sizeof **zone);
        (*zone)->first = (*zone)->standard = fixed;
        return WEIR_OK;
    }
    bool plain = name[0] && name[0] != '/' && strlen(name) < 64 && !strstr(name, "..");
    for (const char *p = name; *p; p++) {
        plain &= (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr("/_+-", *p);
    }
    if (!plain) return weir_error_set(error, WEIR_E_CONFIG, "'%.60s' is no name of a time zone", name);
    snprintf(path, sizeof path, FOLDER "%s", name);
    weir_status s = weir_read_file(platform, path, MOST_BYTES, &bytes, &n, error);
    if (s != WEIR_OK) return weir_error_set(error, WEIR_E_CONFIG, "there is no time zone '%s' in " FOLDER, name);
    s = weir__zone_parse((const uint8_t *)bytes, n, zone, error);
    weir_free(bytes);
    return s;
}

/* ---- what the clock shows ---------------------------------------------------------------------------------------- */

/* Seconds since the epoch, as the local clock counts them, of the rule's moment in a year. */
static int64_t rule_moment(const struct rule *r, int64_t year)
{
    int64_t first = weir_days_from_civil(year, 1, 1);
    bool leap = weir_days_from_civil(year + 1, 1, 1) - first == 366;
    if (r->kind == '0') return (first + r->day) * DAY + r->time;
    if (r->kind == 'J') return (first + r->day - 1 + (leap && r->day >= 60)) * DAY + r->time;
    int64_t start = weir_days_from_civil(year, r->month, 1);
    int64_t next = r->month == 12 ? first + (leap ? 366 : 365) : weir_days_from_civil(year, r->month + 1, 1);
    int64_t weekday = ((start + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; Sunday is 0 */
    int64_t day = start + (r->day - weekday + 7) % 7 + (r->week - 1) * 7;
    while (day >= next) day -= 7; /* week 5 is the last */
    return day * DAY + r->time;
}

/* The span around t by the rules: the changes of three years, in order. */
static struct weir__zone_span by_rules(const struct weir__zone *z, int64_t t)
{
    struct weir__zone_span span = {INT64_MIN, INT64_MAX, z->standard};
    if (!z->changes) return span;
    int64_t year;
    int month, day;
    weir_civil_from_days((t - (t < 0 ? DAY - 1 : 0)) / DAY, &year, &month, &day);
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t moments[2] = {rule_moment(&z->starts, y) - z->standard, rule_moment(&z->ends, y) - z->summer};
        for (int i = 0; i < 2; i++) {
            if (moments[i] > t && moments[i] < span.until) span.until = moments[i];
            if (moments[i] > t || moments[i] < span.from) continue;
            span.from = moments[i];
            span.offset = i == 0 ? z->summer : z->standard;
        }
    }
    return span;
}

/* In seconds. */
static struct weir__zone_span span_of(const struct weir__zone *z, int64_t t)
{
    size_t low = 0, high = z->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (z->at[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == z->n) {
        struct weir__zone_span span = by_rules(z, t);
        if (z->n && span.from < z->at[z->n - 1]) span.from = z->at[z->n - 1];
        return span;
    }
    return (struct weir__zone_span){low ? z->at[low - 1] : INT64_MIN, z->at[low], low ? z->offset[low - 1] : z->first};
}

static int64_t to_ms(int64_t s)
{
    return s > INT64_MAX / 1000 ? INT64_MAX : s < INT64_MIN / 1000 ? INT64_MIN : s * 1000;
}

int64_t weir__zone_offset(const struct weir__zone *z, struct weir__zone_span *last, int64_t utc_ms)
{
    if (!z) return 0;
    if (utc_ms >= last->from && utc_ms < last->until) return last->offset;
    struct weir__zone_span span = span_of(z, utc_ms / 1000 - (utc_ms % 1000 < 0));
    *last = (struct weir__zone_span){to_ms(span.from), to_ms(span.until), span.offset * 1000};
    return last->offset;
}

int64_t weir__zone_to_utc(const struct weir__zone *z, struct weir__zone_span *last, int64_t local_ms)
{
    if (!z) return local_ms;
    int64_t before = weir__zone_offset(z, last, local_ms - DAY * 1000),
            after = weir__zone_offset(z, last, local_ms + DAY * 1000);
    if (weir__zone_offset(z, last, local_ms - before) == before) return local_ms - before;
    return weir__zone_offset(z, last, local_ms - after) == after ? local_ms - after : local_ms - before;
}
