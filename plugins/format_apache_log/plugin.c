/* weir.format_apache_log - the access logs of Apache httpd, nginx and their kin.
 *
 *   common    host ident user [day/Mon/year:h:m:s zone] "request" status size
 *   combined  the same, then "referer" "agent"
 *
 * Fields are given as logged: the server escapes quotes and unprintable bytes (\", \\, \xhh), and so they stay. "-" is null.
 * A line of any other form is rejected; the reason names the field that is not there.
 */
#include <weir/lines.h>
#include <weir/text.h>
#include <weir/udf.h>

#define TIME_SIZE 26 /* 10/Oct/2000:13:55:36 -0700 */

typedef struct apache {
    weir_lines lines;
    char day[TIME_SIZE]; /* a time that was read; all zeros: none yet */
    int64_t midnight;    /* of its day and zone */
    bool escaped;        /* there is a backslash in the line at hand */
} apache;

enum { HOST, IDENT, USER, AT, METHOD, TARGET, PROTOCOL, REQUEST, STATUS, SIZE, REFERER, AGENT };

typedef struct entry {
    weir_str host, ident, user, at, request, status, size, referer, agent;
} entry;

/* Up to `end`, which is skipped. */
static bool take_until(weir_str *rest, char end, weir_str *field)
{
    const char *stop = rest->n ? memchr(rest->p, end, rest->n) : NULL;
    if (!stop || stop == rest->p) return false;
    *field = (weir_str){rest->p, (size_t)(stop - rest->p)};
    rest->n -= field->n + 1;
    rest->p = stop + 1;
    return true;
}

/* The user may hold blanks: it ends where the time begins. */
static bool take_user(weir_str *rest, weir_str *field)
{
    for (size_t i = 1; i + 1 < rest->n; i++) {
        if (rest->p[i] != ' ' || rest->p[i + 1] != '[') continue;
        *field = (weir_str){rest->p, i};
        rest->n -= i + 2;
        rest->p += i + 2;
        return true;
    }
    return false;
}

static bool take_quoted(weir_str *rest, weir_str *field, bool escaped)
{
    if (rest->n < 2 || *rest->p != '"') return false;
    const char *p = rest->p + 1, *end = rest->p + rest->n;
    if (escaped) {
        for (; p < end && *p != '"'; p++) {
            if (*p == '\\') p++;
        }
        if (p >= end) return false;
    } else if (!(p = memchr(p, '"', (size_t)(end - p)))) {
        return false;
    }
    *field = (weir_str){rest->p + 1, (size_t)(p - rest->p - 1)};
    rest->n = (size_t)(end - p - 1);
    rest->p = p + 1;
    return true;
}

static bool take_blank(weir_str *rest)
{
    if (rest->n == 0 || *rest->p != ' ') return false;
    rest->p++;
    rest->n--;
    return true;
}

/* NULL, or the field that is not as it should be. */
static const char *take_common(weir_str *rest, entry *e, bool escaped)
{
    if (!take_until(rest, ' ', &e->host)) return "host";
    if (!take_until(rest, ' ', &e->ident)) return "ident";
    if (!take_user(rest, &e->user)) return "user";
    if (!take_until(rest, ']', &e->at) || !take_blank(rest)) return "time";
    if (!take_quoted(rest, &e->request, escaped) || !take_blank(rest)) return "request";
    if (!take_until(rest, ' ', &e->status)) return "status";
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ') n++;
    e->size = (weir_str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return n ? NULL : "size";
}

static const char *take_combined(weir_str *rest, entry *e, bool escaped)
{
    if (!take_blank(rest) || !take_quoted(rest, &e->referer, escaped)) return "referer";
    if (!take_blank(rest) || !take_quoted(rest, &e->agent, escaped)) return "agent";
    return NULL;
}

static inline bool is_dash(weir_str s)
{
    return s.n == 1 && *s.p == '-';
}

static weir_status put_or_null(weir_ctx *cx, uint32_t c, weir_str s)
{
    if (!is_dash(s)) return weir_put_text(cx, 0, c, s);
    weir_put_null(cx, 0, c);
    return WEIR_OK;
}

/* "GET /x HTTP/1.1" in three, "GET /x" (HTTP/0.9) in two; anything else a client sent is no request line: three nulls. */
static weir_status put_request(weir_ctx *cx, weir_str request)
{
    const char *p = request.p, *end = p + request.n, *first = request.n ? memchr(p, ' ', request.n) : NULL;
    const char *last = first ? end - 1 : NULL;
    weir_status s;
    while (last > first && *last != ' ') last--;
    bool versioned = first && last > first && end - last > 6 && memcmp(last + 1, "HTTP/", 5) == 0;
    if (!versioned && (!first || last != first)) first = NULL;
    if (!first || first == p || first + 1 == end) {
        for (uint32_t c = METHOD; c <= PROTOCOL; c++) weir_put_null(cx, 0, c);
        return WEIR_OK;
    }
    if (!versioned) last = end;
    if ((s = weir_put_text(cx, 0, METHOD, (weir_str){p, (size_t)(first - p)})) != WEIR_OK) return s;
    if ((s = weir_put_text(cx, 0, TARGET, (weir_str){first + 1, (size_t)(last - first - 1)})) != WEIR_OK) return s;
    if (versioned) return weir_put_text(cx, 0, PROTOCOL, (weir_str){last + 1, (size_t)(end - last - 1)});
    weir_put_null(cx, 0, PROTOCOL);
    return WEIR_OK;
}

/* The entry's texts; numbers and the time were put already. */
static weir_status put_texts(weir_ctx *cx, const entry *e, bool combined)
{
    weir_status s;
    if ((s = weir_put_text(cx, 0, HOST, e->host)) != WEIR_OK) return s;
    if ((s = put_or_null(cx, IDENT, e->ident)) != WEIR_OK) return s;
    if ((s = put_or_null(cx, USER, e->user)) != WEIR_OK) return s;
    if ((s = put_request(cx, e->request)) != WEIR_OK) return s;
    if ((s = weir_put_text(cx, 0, REQUEST, e->request)) != WEIR_OK || !combined) return s;
    if ((s = put_or_null(cx, REFERER, e->referer)) != WEIR_OK) return s;
    return put_or_null(cx, AGENT, e->agent);
}

static inline bool two_digits(const char *p, int64_t most, int64_t *v)
{
    *v = (p[0] - '0') * 10 + (p[1] - '0');
    return weir_text_is_digit_(p[0]) && weir_text_is_digit_(p[1]) && *v <= most;
}

/* Nearly all entries have the day and the zone of the one before. */
static bool read_time(apache *me, weir_str text, int64_t *at)
{
    int64_t h = 0, m = 0, s = 0;
    const char *p = text.p;
    bool fixed = text.n == TIME_SIZE && p[11] == ':' && p[14] == ':' && p[17] == ':' && two_digits(p + 12, 23, &h) &&
                 two_digits(p + 15, 59, &m) && two_digits(p + 18, 60, &s);
    if (fixed && memcmp(p, me->day, 11) == 0 && memcmp(p + 20, me->day + 20, TIME_SIZE - 20) == 0) {
        *at = me->midnight + (h * 3600 + m * 60 + s) * 1000;
        return true;
    }
    if (!weir_text_to_time_by("%d/%b/%Y:%H:%M:%S %z", p, text.n, at)) return false;
    if (!fixed) return true;
    memcpy(me->day, p, TIME_SIZE);
    me->midnight = *at - (h * 3600 + m * 60 + s) * 1000;
    return true;
}

/* NULL, or the field that is not as it should be. */
static const char *put_numbers(apache *me, weir_ctx *cx, const entry *e)
{
    int64_t at, size;
    int32_t status;
    if (!read_time(me, e->at, &at)) return "time";
    if (e->status.n != 3 || !weir_text_to_i32(e->status.p, 3, &status) || status < 100) return "status";
    weir_put_i64(cx, 0, AT, at);
    weir_put_i32(cx, 0, STATUS, status);
    if (is_dash(e->size)) {
        weir_put_null(cx, 0, SIZE);
        return NULL;
    }
    if (!weir_text_to_i64(e->size.p, e->size.n, &size) || size < 0) return "size";
    weir_put_i64(cx, 0, SIZE, size);
    return NULL;
}

static weir_status apache_line(apache *me, weir_ctx *cx, weir_str line, bool combined)
{
    entry e;
    weir_str rest = line;
    size_t valid = weir_utf8_prefix(line.p, line.n);
    me->escaped = line.n > 0 && memchr(line.p, '\\', line.n) != NULL;
    if (valid < line.n) return weir_lines_reject(&me->lines, cx, line, "at byte %zu: invalid UTF-8", valid);
    const char *wrong = take_common(&rest, &e, me->escaped);
    if (!wrong && combined) wrong = take_combined(&rest, &e, me->escaped);
    if (!wrong && rest.n) wrong = "end of the line";
    if (wrong) {
        return weir_lines_reject(&me->lines, cx, line, "at byte %zu: expected the %s of the %s log format", line.n - rest.n,
                                 wrong, combined ? "combined" : "common");
    }
    wrong = put_numbers(me, cx, &e);
    if (wrong) {
        weir_unput(cx, 0);
        return weir_lines_reject(&me->lines, cx, line, "the %s is not as the %s log format has it", wrong,
                                 combined ? "combined" : "common");
    }
    weir_status s = put_texts(cx, &e, combined);
    return s == WEIR_OK ? weir_emit(cx, 0, WEIR_NO_TIME) : s;
}

static weir_status common_line(void *self, weir_ctx *cx, weir_str line)
{
    return apache_line(self, cx, line, false);
}
static weir_status combined_line(void *self, weir_ctx *cx, weir_str line)
{
    return apache_line(self, cx, line, true);
}

static weir_status apache_begin(void *self, weir_ctx *cx, const weir_stream *stream)
{
    (void)cx;
    weir_lines_begin(&((apache *)self)->lines, stream);
    return WEIR_OK;
}
static weir_status common_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                                 size_t *used)
{
    return weir_lines_decode(&((apache *)self)->lines, self, cx, data, n, last, max_rows, used, common_line);
}
static weir_status combined_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                                   size_t *used)
{
    return weir_lines_decode(&((apache *)self)->lines, self, cx, data, n, last, max_rows, used, combined_line);
}

#define COMMON_FIELDS                                                                                            \
    "host:string, ident:string?, user:string?, at:timestamp, method:string?, target:string?, protocol:string?, " \
    "request:string, status:i32, size:i64?"

static const weir_decoder common_vtable = {.struct_size = sizeof(weir_decoder),
                                           .begin = apache_begin,
                                           .decode = common_decode,
                                           .splittable = weir_lines_splittable,
                                           .boundary = weir_lines_boundary};
typedef apache common;
WEIR_COMPONENT(common, WEIR_DECODER, common_vtable, .id = "apache_common", .doc = "access log, common format",
               .out = COMMON_FIELDS);

static const weir_decoder combined_vtable = {.struct_size = sizeof(weir_decoder),
                                             .begin = apache_begin,
                                             .decode = combined_decode,
                                             .splittable = weir_lines_splittable,
                                             .boundary = weir_lines_boundary};
typedef apache combined;
WEIR_COMPONENT(combined, WEIR_DECODER, combined_vtable, .id = "apache_combined",
               .doc = "access log, combined format: common with referer and agent",
               .out = COMMON_FIELDS ", referer:string?, agent:string?");

WEIR_PLUGIN("weir.format_apache_log", "0.1.0", &common_component, &combined_component);
