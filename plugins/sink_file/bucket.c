/* bucket.c - see the header. Times are in UTC, so that a row's folder does not depend on the machine. */
#include "bucket.h"

#include <stdio.h>
#include <string.h>
#include <weir/text.h>

/* ---- options ----------------------------------------------------------------------------------------------------- */

/* A folder that is hidden, empty, or a way up would not be found again. */
static bool names_folders(const char *pattern)
{
    bool at_start = true;
    for (const char *p = pattern; *p; p++) {
        if (at_start && (*p == '/' || *p == '.')) return false;
        at_start = *p == '/';
    }
    return pattern[0] != 0 && !at_start;
}

static const char *wrong_letter(const char *pattern)
{
    for (const char *p = pattern; *p; p++) {
        if (*p == '%' && (p[1] == 0 || !strchr("YmdHMS%", *++p))) return p;
    }
    return NULL;
}

static weir_status check_pattern(weir_ctx *cx, const char *pattern)
{
    if (!names_folders(pattern))
        return weir_fail(cx, WEIR_E_CONFIG,
                         "bucket: '%s' does not name folders below the sink's; write for example date=%%Y-%%m-%%d/hour=%%H",
                         pattern);
    if (wrong_letter(pattern) || strlen(pattern) > 60)
        return weir_fail(cx, WEIR_E_CONFIG, "bucket: '%s' may have %%Y %%m %%d %%H %%M %%S and %%%%, in at most 60 bytes",
                         pattern);
    return WEIR_OK;
}

static const weir_schema_field *field_at(weir_ctx *cx, int32_t column)
{
    return weir_schema_at(cx->host->input_schema(cx, 0), (uint32_t)column);
}

weir_status bucketer_init(struct bucketer *b, weir_ctx *cx, int32_t field, const char *pattern, int32_t time)
{
    *b = (struct bucketer){.field = field, .time = time, .pattern = pattern, .second = INT64_MIN};
    if (field >= 0 && field_at(cx, field)->type != WEIR_STRING)
        return weir_fail(cx, WEIR_E_CONFIG, "bucket_field: '%s' is not a string", field_at(cx, field)->name);
    if (field >= 0) b->field_name = field_at(cx, field)->name;
    if (time >= 0 && field_at(cx, time)->type != WEIR_TIMESTAMP)
        return weir_fail(cx, WEIR_E_CONFIG, "bucket_time: '%s' is not a timestamp", field_at(cx, time)->name);
    if (time >= 0 && !pattern)
        return weir_fail(cx, WEIR_E_CONFIG, "bucket_time: there is no `bucket:` to write it as, such as date=%%Y-%%m-%%d");
    return pattern ? check_pattern(cx, pattern) : WEIR_OK;
}

uint32_t bucketer_depth(const struct bucketer *b)
{
    uint32_t depth = b->field >= 0;
    for (const char *p = b->pattern; p; p = strchr(p + 1, '/')) depth++;
    return depth;
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static char *two_digits(char *to, int v)
{
    *to++ = (char)('0' + v / 10);
    *to++ = (char)('0' + v % 10);
    return to;
}

static void write_time(struct bucketer *b, int64_t ms)
{
    int64_t day = ms / 86400000, in_day = ms % 86400000, year;
    int month, month_day;
    if (in_day < 0) in_day += 86400000, day--;
    weir_civil_from_days(day, &year, &month, &month_day);
    char *to = b->by_time;
    for (const char *p = b->pattern; *p; p++) {
        if (*p != '%') {
            *to++ = *p;
            continue;
        }
        switch (*++p) {
        case 'Y': to += snprintf(to, 24, "%04lld", (long long)year); break;
        case 'm': to = two_digits(to, month); break;
        case 'd': to = two_digits(to, month_day); break;
        case 'H': to = two_digits(to, (int)(in_day / 3600000)); break;
        case 'M': to = two_digits(to, (int)(in_day / 60000 % 60)); break;
        case 'S': to = two_digits(to, (int)(in_day / 1000 % 60)); break;
        default: *to++ = '%';
        }
    }
    *to = 0;
}

static const char *time_of(struct bucketer *b, const weir_batch *batch, int64_t row, int64_t now_ms)
{
    weir_row r = {batch, row};
    if (b->time >= 0 && weir_null(r, (uint32_t)b->time)) return "_null";
    int64_t ms = b->time >= 0 ? weir_i64(r, (uint32_t)b->time) : now_ms;
    int64_t second = ms / 1000 - (ms % 1000 < 0);
    if (second != b->second) write_time(b, ms);
    b->second = second;
    return b->by_time;
}

static bool is_plain(unsigned char c, bool first)
{
    if (c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    return c == '-' || c == '.' || (c == '_' && !first); /* values that begin with '_' are ours: _null, _empty */
}

/* The value as a name: other bytes as %XX. NULL: too long for one. */
static char *put_value(char *to, const char *end, weir_str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (end - to < 4) return NULL;
        if (is_plain(c, i == 0))
            *to++ = (char)c;
        else
            to += snprintf(to, 4, "%%%02X", c);
    }
    return to;
}

weir_status bucket_of(struct bucketer *b, weir_ctx *cx, const weir_batch *batch, int64_t row, int64_t now_ms,
                      char to[BUCKET_MAX])
{
    char *at = to, *end = to + BUCKET_MAX - sizeof b->by_time - 2;
    if (b->field >= 0) {
        weir_row r = {batch, row};
        bool null = weir_null(r, (uint32_t)b->field);
        weir_str value = null ? (weir_str){0} : weir_text(r, (uint32_t)b->field);
        int n = snprintf(to, (size_t)(end - to), "%s=", b->field_name);
        at = n < end - to ? to + n : NULL;
        if (at && (null || value.n == 0))
            at += snprintf(at, 8, "%s", null ? "_null" : "_empty");
        else if (at)
            at = put_value(at, end, value);
        if (!at || at - to > 255) {
            cx->row = (uint32_t)row;
            return weir_fail(cx, WEIR_E_DATA, "bucket_field: the value of '%s' is too long for the name of a folder",
                             b->field_name);
        }
        *at++ = '/';
    }
    if (b->pattern) at += snprintf(at, sizeof b->by_time + 2, "%s/", time_of(b, batch, row, now_ms));
    *at = 0;
    return WEIR_OK;
}
