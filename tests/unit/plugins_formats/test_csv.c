/* The CSV decoder, against texts and against a slow reader that goes character by character. */
#define weir_plugin_v1 csv_plugin_v0
/* Small, so that short texts have many windows and runs of rows; the fuzz target and the jobs have the real sizes. */
#define MARKS_WINDOW 128
#define MOST_FIELDS  20
#define MOST_ROWS    7
#include "../../../plugins/format_csv/plugin.c"

#include "fixture.h"

static const char all_types[] = "b:bool?, i:i32?, l:i64?, f:f32?, d:f64?, t:timestamp?, s:string?, y:bytes?";

static void reads_every_type(void)
{
    CHECK_DECODED(new_decoder(&csv_component, all_types, NULL),
                  "true,-7,9223372036854775807,0.5,1e300,1970-01-01T00:00:01Z,abc,xyz\n"
                  "0,2147483647,-9223372036854775808,-1,-2.5,1234,\"\",\"\"\n"
                  ",,,,,,,\n",
                  "true|-7|9223372036854775807|0.5|1e+300|1000|abc|78797a\n"
                  "false|2147483647|-9223372036854775808|-1.0|-2.5|1234||\n"
                  "~|~|~|~|~|~|~|~\n",
                  "");
}

static void quotes_as_rfc_4180(void)
{
    CHECK_DECODED(new_decoder(&csv_component, "a:string, b:string", NULL),
                  "\"a,b\",\"say \"\"hi\"\"\"\r\n"
                  "\"two\nlines\",\"\r\n\"\r\n"
                  "5\" pipe,\"\"\"\"\n"
                  "last,line",
                  "a,b|say \"hi\"\ntwo\nlines|\r\n\n5\" pipe|\"\nlast|line\n", "");
}

static void binds_a_header_by_name(void)
{
    CHECK_DECODED(new_decoder(&csv_component, "a:i64, b:string?", OPTIONS("header", "true")),
                  "\xEF\xBB\xBF\"b\",x,a\n\nq,junk,1\n,,2\n3\n", "1|q\n2|~\n", "in:25: expected 3 fields, found 1 [3]\n");
    struct mock_host *h = new_decoder(&csv_component, "a:i64, b:i64, c:i64", OPTIONS("header", "true"));
    CU_ASSERT_EQUAL(mock_decode(h, "in.csv", "b,z\n1,2\n", 8, 0, 10), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "in.csv: the header has no column 'a', 'c'");
    mock_host_destroy(h);
    h = new_decoder(&csv_component, "a:i64", OPTIONS("header", "true"));
    CU_ASSERT_EQUAL(mock_decode(h, "in.csv", "a,a\n1,2\n", 8, 0, 10), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "names column 'a' twice");
    mock_host_destroy(h);
}

static void tells_of_names_where_no_header_is_expected(void)
{
    CHECK_DECODED(
        new_decoder(&csv_component, "at:i64, b:string", NULL), "at,b\n1,b\n", "1|b\n",
        "in:0: column 'at' (i64): \"at\" is not an integer of 64 bits; the line is the names of the columns: `header: true` "
        "reads it as such [at,b]\n");
    CHECK_DECODED(new_decoder(&csv_component, "at:i64, b:string", NULL), "1,b\nat,b\n", "1|b\n",
                  "in:4: column 'at' (i64): \"at\" is not an integer of 64 bits [at,b]\n");
    CHECK_DECODED(new_decoder(&csv_component, "at:i64, b:string", NULL), "b,at\n", "",
                  "in:0: column 'at' (i64): \"b\" is not an integer of 64 bits [b,at]\n");
    const char *const texts[] = {"a,b\r\nx,y\n", "a\r\nx,y\n", "x,y\na,b\n"};
    for (size_t i = 0; i < WEIR_LEN(texts); i++) {
        struct mock_host *h = new_decoder(&csv_component, "a:string, b:string", NULL);
        CU_ASSERT_EQUAL(mock_decode(h, "in.csv", texts[i], strlen(texts[i]), 0, 10), WEIR_OK);
        CU_ASSERT_EQUAL(strstr(weir_text_get(&h->logs), "in.csv: the first line is the names of the columns") != NULL,
                        i == 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(mock_rows(h), "x|y\n"));
        mock_host_destroy(h);
    }
}

static void takes_the_header_of_a_middle_from_the_head(void)
{
    struct mock_host *h = new_decoder(&csv_component, "a:i64, b:i64", OPTIONS("header", "true", "multiline", "false"));
    const weir_decoder *d = &csv_vtable;
    weir_stream stream = {.struct_size = sizeof stream, .name = "in", .offset = 8, .head = {"b,a\n1,2\n3,4\n", 12}};
    size_t used, at = 99;
    CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
    CU_ASSERT_EQUAL(d->begin(mock_self(h), &h->cx, &stream), WEIR_OK);
    CU_ASSERT_EQUAL(d->decode(mock_self(h), &h->cx, "3,4\n", 4, true, 10, &used), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(mock_rows(h), "4|3\n");
    CU_ASSERT_TRUE(d->splittable(mock_self(h)));
    CU_ASSERT_TRUE(d->boundary(mock_self(h), "b,a\n1,2\n", 8, &at));
    CU_ASSERT_EQUAL(at, 4);
    CU_ASSERT_FALSE(d->boundary(mock_self(h), "abc", 3, &at));
    stream.head.n = 3;
    CU_ASSERT_EQUAL(d->begin(mock_self(h), &h->cx, &stream), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "header is not within the first 3 bytes");
    mock_host_destroy(h);
}

static void rejects_what_does_not_fit(void)
{
    CHECK_DECODED(
        new_decoder(&csv_component, "a:i64, s:string, n:f64?", NULL),
        "1,x,2\n12x,x,2\n,x,2\n2,\xFF,2\n3,x\n4,x,2,9\n5,x,1.5.5\n99999999999999999999,x,\n6,,\n", "1|x|2.0\n6||~\n",
        "in:6: column 'a' (i64): \"12x\" is not an integer of 64 bits [12x,x,2]\n"
        "in:14: column 'a' (i64): \"\" is null, which the column does not allow [,x,2]\n"
        "in:19: column 's' (string): not valid UTF-8 [2,\xFF,2]\n"
        "in:25: expected 3 fields, found 2 [3,x]\n"
        "in:29: expected 3 fields, found 4 [4,x,2,9]\n"
        "in:37: column 'n' (f64): \"1.5.5\" is not a number [5,x,1.5.5]\n"
        "in:47: column 'a' (i64): \"99999999999999999999\" is not an integer of 64 bits [99999999999999999999,x,]\n");
}

static void a_rejected_record_leaves_no_null_behind(void)
{
    CHECK_DECODED(new_decoder(&csv_component, "a:i64?, s:string?, b:i64", NULL), ",,x\n1,y,2\n", "1|y|2\n",
                  "in:0: column 'b' (i64): \"x\" is not an integer of 64 bits [,,x]\n");
}

static void a_broken_record_costs_exactly_its_line(void)
{
    CHECK_DECODED(new_decoder(&csv_component, "a:string, b:string", NULL),
                  "\"x\"y,1\n\"two\nlines\"z,2\nc,d\n\"open,3\ne,f\n", "lines\"z|2\nc|d\ne|f\n",
                  "in:0: there is text after a closing quote [\"x\"y,1]\n"
                  "in:7: there is text after a closing quote [\"two]\n"
                  "in:26: a quote is never closed [\"open,3]\n");
}

static void multiline_off_ends_records_at_line_ends(void)
{
    CHECK_DECODED(new_decoder(&csv_component, "a:string, b:string", OPTIONS("multiline", "false")),
                  "\"x,1\ny,2\n\"a\",\"b\"\n\"end", "y|2\na|b\n",
                  "in:0: a quote is not closed on its line [\"x,1]\nin:17: a quote is never closed [\"end]\n");
    struct mock_host *h = new_decoder(&csv_component, "a:string", NULL);
    mock_start(h);
    CU_ASSERT_FALSE(csv_vtable.splittable(mock_self(h)));
    mock_host_destroy(h);
    h = new_decoder(&csv_component, "a:string", OPTIONS("quote", ""));
    mock_start(h);
    CU_ASSERT_TRUE(csv_vtable.splittable(mock_self(h)));
    mock_host_destroy(h);
}

static void options_change_the_form(void)
{
    CHECK_DECODED(new_decoder(&csv_component, "a:i64?, b:string?",
                              OPTIONS("delimiter", ";", "quote", "'", "null", "NULL", "trim", "true")),
                  " 1 ; 'x;y' \r\nNULL;NULL\n'NULL';'NULL'\n 2\t;\n", "1|x;y\n~|~\n~|NULL\n2|\n", "");
    CHECK_DECODED(new_decoder(&csv_component, "a:string, b:string", OPTIONS("delimiter", "\t", "quote", "", "trim", "true")),
                  "\"x\t y\"\n", "\"x|y\"\n", "");
    CHECK_DECODED(new_decoder(&csv_component, "t:timestamp", OPTIONS("timestamps", "epoch_s")), "1511848894\n2.5\n",
                  "1511848894000\n2500\n", "");
    CHECK_DECODED(new_decoder(&csv_component, "t:timestamp", OPTIONS("timestamps", "%d/%m/%Y %H:%M")),
                  "02/01/1970 00:01\n1\n", "86460000\n",
                  "in:17: column 't' (timestamp): \"1\" is not a time as option timestamps says [1]\n");
}

static void blank_lines_are_records_of_one_column_only(void)
{
    CHECK_DECODED(new_decoder(&csv_component, "a:string, b:string", NULL), "\na,b\n\r\n\n", "a|b\n", "");
    CHECK_DECODED(new_decoder(&csv_component, "a:i64?", NULL), "1\n\n2\n", "1\n~\n2\n", "");
}

static void refuses_bad_options(void)
{
    check_open_fails(new_decoder(&csv_component, "a:i64", OPTIONS("delimiter", "||")),
                     "option delimiter must be one ASCII character");
    check_open_fails(new_decoder(&csv_component, "a:i64", OPTIONS("delimiter", "")), "option delimiter");
    check_open_fails(new_decoder(&csv_component, "a:i64", OPTIONS("quote", ",")), "not the delimiter");
    check_open_fails(new_decoder(&csv_component, "a:i64", OPTIONS("timestamps", "%Q")), "option timestamps");
    check_open_fails(new_decoder(&csv_component, "x:any", NULL), "column 'x': CSV cannot hold type any");
}

/* ---- the slow reader --------------------------------------------------------------------------------------------- */

struct slow {
    const char *p, *end;
    struct weir_text rows, rejects;
    const char *start;
    bool multiline;
};

static void slow_reject(struct slow *r, const char *reason, const char *text, const char *end, const char *from)
{
    weir_text_add(&r->rejects, "in:%zu: %s [", (size_t)(from - text), reason);
    weir_text_add_bytes(&r->rejects, from, (size_t)(end - from));
    weir_text_add(&r->rejects, "]\n");
}

/* One field into `into`; returns what ended it: ',' '\n' 0 (end of text), or '!' when it is broken. */
static int slow_field(struct slow *r, struct weir_text *into, bool *quoted, const char **why)
{
    *quoted = r->p < r->end && *r->p == '"';
    if (*quoted) {
        for (r->p++;; r->p++) {
            if (r->p == r->end) return *why = "a quote is never closed", '!';
            if (*r->p == '\n' && !r->multiline) return *why = "a quote is not closed on its line", '!';
            if (*r->p == '"' && (r->p + 1 == r->end || r->p[1] != '"')) break;
            if (*r->p == '"') r->p++;
            weir_text_add_bytes(into, r->p, 1);
        }
        r->p++;
        if (r->p < r->end && *r->p == '\r' && (r->p + 1 == r->end || r->p[1] == '\n')) r->p++;
        if (r->p < r->end && *r->p != ',' && *r->p != '\n') return *why = "there is text after a closing quote", '!';
    } else {
        while (r->p < r->end && *r->p != ',' && *r->p != '\n') {
            bool line_end = *r->p == '\r' && (r->p + 1 == r->end || r->p[1] == '\n');
            if (!line_end) weir_text_add_bytes(into, r->p, 1);
            r->p++;
        }
    }
    return r->p == r->end ? 0 : *r->p++;
}

/* A record of "a:string?, b:string". */
static void slow_record(struct slow *r, const char *text)
{
    const char *from = r->p, *why = NULL;
    struct weir_text fields[2] = {0}, rest = {0};
    bool quoted[2] = {false, false}, q;
    char reason[80];
    size_t n = 0;
    int ended;
    do {
        ended = slow_field(r, n < 2 ? &fields[n] : &rest, n < 2 ? &quoted[n] : &q, &why);
        n++;
    } while (ended == ',');
    const char *stop = r->p - (ended == '\n');
    if (stop > from && stop[-1] == '\r') stop--;
    if (why) {
        const char *nl = memchr(from, '\n', (size_t)(r->end - from));
        slow_reject(r, why, text, nl ? nl : r->end, from);
        r->p = nl ? nl + 1 : r->end;
    } else if (stop > from) {
        bool valid =
            weir_is_utf8(weir_text_get(&fields[1]), fields[1].n) && weir_is_utf8(weir_text_get(&fields[0]), fields[0].n);
        snprintf(reason, sizeof reason, "expected 2 fields, found %zu", n);
        if (n != 2)
            slow_reject(r, reason, text, stop, from);
        else if (valid) {
            bool null = fields[0].n == 0 && !quoted[0];
            weir_text_add(&r->rows, "%s|%s\n", null ? "~" : weir_text_get(&fields[0]), weir_text_get(&fields[1]));
        }
    }
    for (int i = 0; i < 2; i++) weir_text_finish(&fields[i]);
    weir_text_finish(&rest);
}

static void random_texts_as_the_slow_reader_reads_them(void)
{
    static const char *const pieces[] = {",", ",",  "\n", "\r\n", "\"",       "\"\"",
                                         "a", "bc", "1",  "\r",   "\xC3\xA9", "longer text"};
    static const char *const lines[] = {"a,b\n", "cc,dd\r\n", ",x\n",  "\xC3\xA9,y\n", "e,longer text\n", "1,2\n",
                                        ",\r\n", "f,\n",      "g,h\n", "alone\n",      "\"i,j\",k\n",     "l,m,n\n"};
    uint64_t seed = 42;
    for (int round = 0; round < 3000; round++) {
        size_t odd = round % 5 == 4 ? 0 : 3; /* most windows are of nothing but plain rows then */
        char *text =
            round % 3 ? random_text(&seed, pieces, WEIR_LEN(pieces)) : random_text(&seed, lines, WEIR_LEN(lines) - odd);
        struct slow r = {.p = text, .end = text + strlen(text), .multiline = round % 2};
        struct mock_host *h =
            new_decoder(&csv_component, "a:string?, b:string", OPTIONS("multiline", round % 2 ? "true" : "false"));
        while (r.p < r.end) slow_record(&r, text);
        CU_ASSERT_EQUAL(mock_decode(h, "in", text, strlen(text), 0, 1000000), WEIR_OK);
        check_text(mock_rows(h), weir_text_get(&r.rows), __LINE__);
        check_text(weir_text_get(&h->rejects), weir_text_get(&r.rejects), __LINE__);
        mock_host_destroy(h);
        weir_text_finish(&r.rows);
        weir_text_finish(&r.rejects);
        free(text);
    }
}

static void the_cuts_of_a_stream_do_not_show(void)
{
    static const char *const pieces[] = {",", ",", "\n", "\n", "\r\n",     "\"",   "\"\"",
                                         "a", " ", "12", "\r", "\xC3\xA9", "\xC3", "longer text"};
    uint64_t seed = 7;
    for (int round = 0; round < 300; round++) {
        char *text = random_text(&seed, pieces, WEIR_LEN(pieces));
        check_cuts(&csv_component, "a:string?, b:i64?", NULL, text, strlen(text));
        check_cuts(&csv_component, "a:string, b:string?", OPTIONS("trim", "true", "multiline", "false"), text, strlen(text));
        check_cuts(&csv_component, "a:string", OPTIONS("header", "true"), text, strlen(text));
        free(text);
    }
}

static void every_way_of_finding_marks_finds_the_same(void)
{
    static const char characters[] = ",,\n\r\"; abc\xC3\x2D\x80";
    marks_find *const ways[] = {
        marks_bytewise,
#ifdef __x86_64__
        marks_sse2,
        __builtin_cpu_supports("avx2") ? marks_avx2 : marks_sse2,
#endif
    };
    uint64_t seed = 5;
    for (int round = 0; round < 3000; round++) {
        static const marks_of kinds[] = {{',', '"'}, {';', '\n'}, {'a', '-'}};
        marks_of of = kinds[round % 3];
        uint32_t dense = next_random(&seed) % 8;
        size_t n = next_random(&seed) % (MARKS_WINDOW + 1), expected = 0, from = next_random(&seed) % 64;
        char text[MARKS_WINDOW + 64];
        uint16_t at[MARKS_WINDOW];
        bool high = false, quotes = false;
        uint32_t lines = 0;
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = next_random(&seed) % 8 < dense ? characters[next_random(&seed) % (sizeof characters - 1)] : 'x';
        }
        for (size_t i = 0; i < n; i++) {
            char c = text[from + i];
            if (c == of.delimiter || c == of.quote || c == '\n') at[expected++] = (uint16_t)i;
            high |= (unsigned char)c >= 0x80;
            quotes |= c == of.quote && c != '\n';
            lines += c == '\n';
        }
        for (size_t w = 0; w < WEIR_LEN(ways); w++) {
            marks m;
            ways[w](&m, text + from, n, of);
            CU_ASSERT_EQUAL_FATAL(m.n, expected);
            CU_ASSERT_TRUE_FATAL(m.n == 0 || memcmp(m.at, at, m.n * sizeof *at) == 0);
            CU_ASSERT_EQUAL_FATAL(m.high, high);
            CU_ASSERT_EQUAL_FATAL(m.quotes, quotes);
            CU_ASSERT_EQUAL_FATAL(m.lines, lines);
        }
    }
}

/* Texts of every length up to 20, of digits and a few others, with other digits before and behind. */
static void digits_at_once_are_read_as_one_by_one(void)
{
#ifdef __x86_64__
    static const char characters[] = "0123456789-+ ,/:";
    uint64_t seed = 11;
    if (!digits_at_once()) return;
    for (int round = 0; round < 50000; round++) {
        char text[64];
        uint32_t n = next_random(&seed) % 21, odd = next_random(&seed) % 4;
        for (size_t i = 0; i < sizeof text; i++) text[i] = characters[next_random(&seed) % 10];
        char *p = text + 20;
        if (odd == 1) p[0] = '-';
        if (odd == 2 && n > 0) p[next_random(&seed) % n] = characters[next_random(&seed) % (sizeof characters - 1)];
        if (odd == 3) memset(p, '0' + 9 * (int)(next_random(&seed) % 2), n);
        int64_t expected = 0, v = 0;
        bool fine = weir_text_to_i64(p, n, &expected), taken = digits_sse41(p + n, n, &v);
        uint32_t digits = n - (n > 0 && *p == '-');
        CU_ASSERT_TRUE_FATAL(!taken || (fine && v == expected));
        CU_ASSERT_TRUE_FATAL(taken || !fine || digits > DIGITS_MOST || *p == '+');
    }
#endif
}
/* The first numbers of a stream, before which nothing can be read, and those of a machine that has no way to read many
 * digits at once. */
static void numbers_do_not_depend_on_the_machine(void)
{
    static const char text[] =
        "1,-2\n-1234567890123456,9999999999999999\n0000000000000000001,+7\n-0,\n12345678,-123456789\n";
    static const char rows[] = "1|-2\n-1234567890123456|9999999999999999\n1|7\n0|~\n12345678|-123456789\n";
    for (uint32_t way = 0; way < 3; way++) {
        struct mock_host *h = new_decoder(&csv_component, "a:i64, t:timestamp?", NULL);
        size_t used;
        weir_stream stream = {.struct_size = sizeof stream, .name = "in"};
        CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
        csv *me = mock_self(h);
        if (way < 2 && me->at_once > way) me->at_once = way;
        CU_ASSERT_EQUAL(csv_begin(me, &h->cx, &stream), WEIR_OK);
        CU_ASSERT_EQUAL(csv_decode(me, &h->cx, text, sizeof text - 1, true, 100, &used), WEIR_OK);
        CU_ASSERT_STRING_EQUAL(mock_rows(h), rows);
        mock_host_destroy(h);
    }
}

/* Columns of numbers, some negative, null, too long or none at all, the way of a machine that reads one by one and every
 * other way. */
static void random_numbers_do_not_depend_on_the_machine(void)
{
    static const char *const pieces[] = {"1,2\n",
                                         "12345,678\n",
                                         "9999999999999999,1436918400000\n",
                                         "1,1234567890123456\n",
                                         "0,0\r\n",
                                         "70,8\n",
                                         "00000000000000001,3\n",
                                         "7,77\n",
                                         "-5,6\n",
                                         ",9\n",
                                         "1x,2\n",
                                         "2,1/2\n"};
    uint64_t seed = 17;
    for (int round = 0; round < 300; round++) {
        char *text = random_text(&seed, pieces, WEIR_LEN(pieces) - (round % 3 ? 4 : 0));
        char *first = NULL;
        for (uint32_t way = 0; way < 3; way++) {
            struct mock_host *h = new_decoder(&csv_component, "a:i64?, t:timestamp", OPTIONS("null", round % 2 ? "" : "70"));
            size_t used;
            weir_stream stream = {.struct_size = sizeof stream, .name = "in"};
            CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
            csv *me = mock_self(h);
            if (way < 2 && me->at_once > way) me->at_once = way;
            CU_ASSERT_EQUAL(csv_begin(me, &h->cx, &stream), WEIR_OK);
            CU_ASSERT_EQUAL(csv_decode(me, &h->cx, text, strlen(text), true, 1000, &used), WEIR_OK);
            weir_text_add(&h->rejects, "%s", mock_rows(h));
            if (first)
                check_text(weir_text_get(&h->rejects), first, __LINE__);
            else
                first = strdup(weir_text_get(&h->rejects));
            mock_host_destroy(h);
        }
        free(first);
        free(text);
    }
}

/* Rows before and after a bad one in the same run are what they would be alone, nulls and lengths of texts too. */
static void a_bad_row_changes_nothing_around_it(void)
{
    static const char *const good[] = {"1,one,,7.5\n", "2,,2017-11-28T05:34:56Z,\n", ",\"\",5,-1\n",
                                       "4,\"a \"\"b\"\"\",,1e3\n"};
    static const char *const rows[] = {"1|one|~|7.5\n", "2|~|1511847296000|~\n", "~||5|-1.0\n", "4|a \"b\"|~|1000.0\n"};
    static const char *const bad[] = {"x,a,1,1\n", "1,\xFF,1,1\n",   "1,a,x,1\n",  "1,a,1,x\n",
                                      "1,a,1\n",   "1,\"a\"b,1,1\n", "1,a,1,1,1\n"};
    uint64_t seed = 11;
    for (int round = 0; round < 500; round++) {
        struct weir_text text = {0}, expected = {0};
        size_t rejected = 0;
        for (uint32_t k = next_random(&seed) % 60; k > 0; k--) {
            uint32_t which = next_random(&seed) % WEIR_LEN(good);
            bool spoil = next_random(&seed) % 6 == 0;
            weir_text_add(&text, "%s", spoil ? bad[next_random(&seed) % WEIR_LEN(bad)] : good[which]);
            if (!spoil) weir_text_add(&expected, "%s", rows[which]);
            rejected += spoil;
        }
        struct mock_host *h = new_decoder(&csv_component, "a:i64?, s:string?, t:timestamp?, d:f64?", NULL);
        CU_ASSERT_EQUAL(mock_decode(h, "in", weir_text_get(&text), text.n, 0, 1000000), WEIR_OK);
        check_text(mock_rows(h), weir_text_get(&expected), __LINE__);
        size_t lines = 0;
        for (const char *p = weir_text_get(&h->rejects); *p; p++) lines += *p == '\n';
        CU_ASSERT_EQUAL(lines, rejected);
        mock_host_destroy(h);
        check_cuts(&csv_component, "a:i64?, s:string?, t:timestamp?, d:f64?", NULL, weir_text_get(&text), text.n);
        weir_text_finish(&text);
        weir_text_finish(&expected);
    }
}

/* More than the columns have room for at first, and near to their end. */
static void texts_of_all_lengths_find_room(void)
{
    uint64_t seed = 3;
    struct weir_text text = {0}, expected = {0};
    for (int row = 0; row < 3000; row++) {
        char a[301], b[301];
        size_t n = next_random(&seed) % (row % 10 ? 40 : 300) + 1, m = next_random(&seed) % 20;
        for (size_t i = 0; i < 300; i++) {
            a[i] = (char)('a' + next_random(&seed) % 26);
            b[i] = (char)('A' + next_random(&seed) % 26);
        }
        weir_text_add(&text, "%.*s,%.*s\n", (int)n, a, (int)m, b);
        weir_text_add(&expected, "%.*s|%.*s\n", (int)n, a, (int)m, b);
    }
    struct mock_host *h = new_decoder(&csv_component, "a:string, b:string", NULL);
    CU_ASSERT_EQUAL(mock_decode(h, "in", weir_text_get(&text), text.n, 0, 1000000), WEIR_OK);
    check_text(mock_rows(h), weir_text_get(&expected), __LINE__);
    mock_host_destroy(h);
    weir_text_finish(&text);
    weir_text_finish(&expected);
}

static void any_bytes_do_no_harm(void)
{
    uint64_t seed = 99;
    for (int round = 0; round < 300; round++) {
        char bytes[300];
        size_t n = next_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < n; i++) bytes[i] = (char)next_random(&seed);
        check_cuts(&csv_component, "a:string?, b:bytes", NULL, bytes, n);
    }
}

WEIR_SUITE(csv) = {{"reads every type", reads_every_type},
                   {"quotes as RFC 4180", quotes_as_rfc_4180},
                   {"binds a header by name", binds_a_header_by_name},
                   {"tells of names where no header is expected", tells_of_names_where_no_header_is_expected},
                   {"takes the header of a middle from the head", takes_the_header_of_a_middle_from_the_head},
                   {"rejects what does not fit", rejects_what_does_not_fit},
                   {"a rejected record leaves no null behind", a_rejected_record_leaves_no_null_behind},
                   {"a broken record costs exactly its line", a_broken_record_costs_exactly_its_line},
                   {"multiline off ends records at line ends", multiline_off_ends_records_at_line_ends},
                   {"options change the form", options_change_the_form},
                   {"blank lines are records of one column only", blank_lines_are_records_of_one_column_only},
                   {"refuses bad options", refuses_bad_options},
                   {"random texts as the slow reader reads them", random_texts_as_the_slow_reader_reads_them},
                   {"the cuts of a stream do not show", the_cuts_of_a_stream_do_not_show},
                   {"every way of finding marks finds the same", every_way_of_finding_marks_finds_the_same},
                   {"digits at once are read as one by one", digits_at_once_are_read_as_one_by_one},
                   {"numbers do not depend on the machine", numbers_do_not_depend_on_the_machine},
                   {"random numbers do not depend on the machine", random_numbers_do_not_depend_on_the_machine},
                   {"a bad row changes nothing around it", a_bad_row_changes_nothing_around_it},
                   {"texts of all lengths find room", texts_of_all_lengths_find_room},
                   {"any bytes do no harm", any_bytes_do_no_harm},
                   {NULL, NULL}};
