/* record.h - from marks to records: which bytes are a record, and where its fields lie. Nothing is copied.
 *
 * A window begins where a record does. The everyday one has no quotes, and each of its lines has the file's number of
 * fields: then its list of marks is the table of its fields, and they are taken from there (plain_rows). The records of
 * every other window are gathered one by one: those without quotes by next_plain, the rest by read_record, which walks from
 * mark to mark and into the windows that follow.
 */
#ifndef FORMAT_CSV_RECORD_H
#define FORMAT_CSV_RECORD_H

#include "csv.h"

/* ---- marks ------------------------------------------------------------------------------------------------------- */

static void load_window(scan *s, size_t base)
{
    size_t n = s->n - base;
    s->base = base;
    s->next = s->plain = 0;
    s->find(&s->marks, s->data + base, n < MARKS_WINDOW ? n : MARKS_WINDOW, s->of);
    s->high |= s->marks.high;
}

/* A new window: the next mark is the first at or after `at`. */
static void seek(scan *s, size_t at)
{
    load_window(s, at);
}

/* False: there is no mark any more. */
static bool next_window(scan *s)
{
    while (s->next == s->marks.n) {
        if (s->n - s->base <= MARKS_WINDOW) return false;
        load_window(s, s->base + MARKS_WINDOW);
    }
    return true;
}

/* Whether a line ends in the window behind the marks that were taken. */
static bool has_line_end(const scan *s)
{
    uint32_t i = s->next;
    while (i < s->marks.n && s->data[s->base + s->marks.at[i]] != '\n') i++;
    return i < s->marks.n;
}

static inline size_t next_mark(scan *s) /* s->n: there is none */
{
    if (s->next == s->marks.n && !next_window(s)) return s->n;
    return s->base + s->marks.at[s->next++];
}

/* ---- one record -------------------------------------------------------------------------------------------------- */

static inline field field_of(const char *p, size_t n)
{
    return (field){p, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX, false, false};
}

static inline bool is_blank(const csv *me, char c)
{
    return (c == ' ' || c == '\t') && c != me->scan.of.delimiter;
}

/* A field after its opening quote at `at`. Returns the mark that ends it (s->n: the end of the stream), or SIZE_MAX: the
 * bytes at hand do not say, or r->fault. */
static size_t read_quoted(const csv *me, scan *s, size_t at, bool last, field *f, record *r)
{
    size_t n = s->n, end;
    bool doubled = false;
    next_mark(s); /* the opening quote */
    for (;;) {
        end = next_mark(s);
        if (end == n) {
            if (last) r->fault = "a quote is never closed";
            return SIZE_MAX;
        }
        if (s->data[end] == '\n' && !me->multiline) {
            r->fault = "a quote is not closed on its line";
            return SIZE_MAX;
        }
        if (s->data[end] != s->of.quote) continue;
        if (end + 1 == n || s->data[end + 1] != s->of.quote) break;
        next_mark(s);
        doubled = true;
    }
    *f = field_of(s->data + at + 1, end - at - 1);
    f->quoted = true;
    f->doubled = doubled;
    end++;
    while (me->trim && end < n && is_blank(me, s->data[end])) end++;
    if (end < n && s->data[end] == '\r' && (end + 1 == n || s->data[end + 1] == '\n')) end++;
    if (end == n) return last ? n : SIZE_MAX; /* what follows may be a quote, a line end or a fault */
    if (s->data[end] == s->of.delimiter || s->data[end] == '\n') return next_mark(s);
    r->fault = "there is text after a closing quote";
    return SIZE_MAX;
}

static inline size_t read_plain(const csv *me, scan *s, size_t at, bool last, field *f)
{
    size_t end = next_mark(s);
    while (end < s->n && s->data[end] != s->of.delimiter && s->data[end] != '\n') end = next_mark(s); /* a quote within */
    if (end == s->n && !last) return SIZE_MAX;
    size_t stop = end;
    if ((end == s->n || s->data[end] == '\n') && stop > at && s->data[stop - 1] == '\r') stop--;
    while (me->trim && stop > at && is_blank(me, s->data[stop - 1])) stop--;
    *f = field_of(s->data + at, stop - at);
    return end;
}

/* The record was broken: it ends with its first line. False: that is not at hand yet. */
static bool skip_line(scan *s, bool last, record *r)
{
    const char *end = memchr(s->data + r->start, '\n', s->n - r->start);
    if (!end && !last) return false;
    r->end = end ? (size_t)(end - s->data) : s->n;
    r->next = end ? r->end + 1 : s->n;
    seek(s, r->next);
    return true;
}

/* Reads the record that starts at `at`, the scanner's place. False: it is not whole yet. Fields beyond the first `room` are
 * counted only. */
static bool read_record(const csv *me, scan *s, size_t at, bool last, field *fields, uint32_t room, record *r)
{
    field unkept;
    *r = (record){.start = at};
    for (;;) {
        field *f = r->n_fields < room ? &fields[r->n_fields] : &unkept;
        size_t end;
        while (me->trim && at < s->n && is_blank(me, s->data[at])) at++;
        if (at < s->n && s->data[at] == s->of.quote && s->of.quote != '\n') {
            end = read_quoted(me, s, at, last, f, r);
        } else {
            end = read_plain(me, s, at, last, f);
        }
        if (end == SIZE_MAX) return r->fault && skip_line(s, last, r);
        r->n_fields++;
        at = end + 1;
        if (end == s->n || s->data[end] == '\n') {
            r->end = end - (end > r->start && s->data[end - 1] == '\r');
            r->next = end + (end < s->n);
            return true;
        }
    }
}

/* The same for a record of n fields without quotes and without blanks to trim; false: it is another one, nothing was taken.
 */
static inline bool next_plain(scan *s, size_t start, field *fields, uint32_t n, record *r)
{
    const uint16_t *at = s->marks.at + s->next;
    const char *data = s->data, *window = data + s->base, *p = data + start, *end = p;
    if (s->marks.n - s->next < n) return false;
    for (uint32_t i = 0; i + 1 < n; i++, p = end + 1) {
        end = window + at[i];
        if (*end != s->of.delimiter) return false;
        fields[i] = (field){p, (uint32_t)(end - p), false, false};
    }
    end = window + at[n - 1];
    if (*end != '\n') return false;
    r->next = (size_t)(end + 1 - data);
    if (end > p && end[-1] == '\r') end--;
    fields[n - 1] = (field){p, (uint32_t)(end - p), false, false};
    r->start = start;
    r->end = (size_t)(end - data); /* p > start, or n is 1: a carriage return of the record is one of its last field */
    s->next += n;
    return true;
}

/* ---- plain rows -------------------------------------------------------------------------------------------------- */

/* How many records of n fields, the first one at the window's beginning, its marks are the table of; 0: look at each. There
 * being no quotes, and as many line ends as records, every other mark is a delimiter. */
static uint32_t plain_rows(const scan *s, uint32_t n)
{
    const marks *m = &s->marks;
    const char *window = s->data + s->base;
    uint32_t wrong = 0;
    if (m->quotes || (uint64_t)m->lines * n > m->n) return 0;
    const uint16_t *end = m->at + n - 1;
    for (uint32_t k = 0; k < m->lines; k++, end += n) wrong |= window[*end] != '\n';
    return wrong ? 0 : m->lines;
}

/* Where the field begins that ends with mark j. */
static inline uint32_t plain_begin(const marks *m, uint32_t j)
{
    return j ? m->at[j - 1] + 1u : 0;
}

/* Field i of me->rows[first ...), n of them, n > 0. */
static void plain_column(const csv *me, uint32_t first, uint32_t i, uint32_t n, field *f)
{
    uint32_t width = me->n_fields, j = me->plain_first + first * width + i, begin = plain_begin(&me->scan.marks, j);
    const uint16_t *end = me->scan.marks.at + j;
    const char *window = me->scan.data + me->scan.base;
    bool last = i + 1 == width;
    for (;;) {
        f[0] = (field){window + begin, *end - begin, false, false};
        f[0].n -= last && f[0].n > 0 && window[*end - 1] == '\r';
        if (--n == 0) return;
        end += width;
        begin = end[-1] + 1u;
        f++;
    }
}

/* Row k of me->rows. */
static void plain_row(const csv *me, uint32_t k, record *r, field *fields)
{
    const scan *s = &me->scan;
    uint32_t width = me->n_fields, j = me->plain_first + k * width;
    for (uint32_t i = 0; i < width; i++) plain_column(me, k, i, 1, &fields[i]);
    r->start = s->base + plain_begin(&s->marks, j);
    r->end = (size_t)(fields[width - 1].p + fields[width - 1].n - s->data);
    r->next = s->base + s->marks.at[j + width - 1] + 1u;
    r->n_fields = width;
    r->fault = NULL;
}

/* ---- a run of records -------------------------------------------------------------------------------------------- */

typedef enum gathered { ENOUGH, UNFINISHED, BAD } gathered;

/* Goes on with the window at hand while the next record, which starts at `at`, ends in it, else with one that starts there.
 */
static void place_window(csv *me, size_t at)
{
    scan *s = &me->scan;
    if (s->plain) return;
    if (at > s->base && !has_line_end(s)) seek(s, at);
    if (at == s->base && s->next == 0 && !me->trim) s->plain = plain_rows(s, me->n_fields);
}

/* The next rows, up to `most`, of a window that has them as they are; *at moves behind them. */
static gathered take_plain(csv *me, size_t *at, uint32_t most)
{
    scan *s = &me->scan;
    me->plain = true;
    me->plain_first = s->next;
    me->n_rows = s->plain < most ? s->plain : most;
    me->ascii = !s->marks.high;
    s->plain -= me->n_rows;
    s->next += me->n_rows * me->n_fields;
    *at = s->base + plain_begin(&s->marks, s->next);
    return ENOUGH;
}

/* Gathers up to `most` records from *at on into me->rows and moves *at behind them; not those that begin in the window at
 * hand and end in another. UNFINISHED: the next one is not whole yet. BAD: `r` follows them, and is no record of the file;
 * *at is where it starts. */
static gathered gather(csv *me, size_t *at, bool last, uint32_t most, record *r)
{
    scan *s = &me->scan;
    uint32_t width = me->n_fields;
    gathered g = ENOUGH;
    me->plain = false;
    me->n_rows = 0;
    s->high = s->marks.high;
    while (me->n_rows < most && *at < s->n) {
        field *fields = me->fields + (size_t)me->n_rows * width;
        record *row = &me->rows[me->n_rows];
        if (me->trim || !next_plain(s, *at, fields, width, row)) {
            if (*at > s->base && !has_line_end(s)) break;
            if (!read_record(me, s, *at, last, fields, width, r)) {
                g = UNFINISHED;
                break;
            }
            bool blank = r->end == r->start && !r->fault && width != 1;
            if (!blank && (r->fault || r->n_fields != width)) {
                g = BAD;
                break;
            }
            *row = *r;
            me->n_rows += !blank;
            *at = r->next;
            continue;
        }
        me->n_rows++;
        *at = row->next;
    }
    me->ascii = !s->high;
    return g;
}

#endif
