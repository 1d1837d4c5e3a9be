/* CSV out, and back through an obvious reader of RFC 4180. */
#define weir_plugin_v1 weir_test_encoder_csv
#include "plugins/encoder_csv/plugin.c"
#undef weir_plugin_v1

#include <stdlib.h>

#include "harness/mock_host.h"
#include "harness/suite.h"

static struct mock_host *csv_host(const char *input)
{
    return mock_host_create(&(struct mock_host_config){.component = &csv_component, .input = input});
}

static void check(const char *input, const char *rows, const char *expected)
{
    struct mock_host *h = csv_host(input);
    mock_set(h, "header", "false");
    const char *text = mock_encode(h, rows);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_STRING_EQUAL(text, expected);
    mock_host_destroy(h);
}

static void writes_every_type(void)
{
    check("a:bool, b:i32, c:i64, d:f32, e:f64, f:timestamp, g:string, h:bytes, i:any",
          "true|-5|9000000000|0.1|12.5|1511848894123|x|6162|93a3616263c0cb3ff8000000000000\n",
          "true,-5,9000000000,0.1,12.5,1511848894123,x,ab,\"[\"\"abc\"\",null,1.5]\"\n");
    check("a:bool?, b:i32?, c:i64?, d:f32?, e:f64?, f:timestamp?, g:string?, h:bytes?, i:any?", "~|~|~|~|~|~|~|~|~\n",
          ",,,,,,,,\n");
    check("a:f64, b:f64, c:f32", "NaN|-inf|inf\n", "NaN,-inf,inf\n");
}

static void quotes_only_what_must_be(void)
{
    check("a:string, b:string?", "a,b|say \"hi\"\n", "\"a,b\",\"say \"\"hi\"\"\"\n");
    check("a:string, b:string?", " spaced |it's; fine\n", " spaced ,it's; fine\n");
    check("a:string, b:string?", "cr\r|\"\n", "\"cr\r\",\"\"\"\"\n");
    check("a:string, b:string?", "line\nfeed|x\n", "\"line\nfeed\",x\n");
}

static void null_and_the_empty_string_stay_apart(void)
{
    check("a:string, b:string?", "|~\n", "\"\",\n");
    struct mock_host *h = csv_host("a:string, b:string?");
    mock_set(h, "null", "NULL");
    CU_ASSERT_STRING_EQUAL(mock_encode(h, "NULL|~\n|x\n"), "a,b\n\"NULL\",NULL\n,x\n");
    mock_host_destroy(h);
}

static void options_change_it(void)
{
    struct mock_host *h = csv_host("a:string, at:timestamp");
    mock_set(h, "delimiter", ";");
    mock_set(h, "timestamps", "iso");
    CU_ASSERT_STRING_EQUAL(mock_encode(h, "x;y|1511848894123\na,b|-1\n"),
                           "a;at\n\"x;y\";2017-11-28T06:01:34.123Z\na,b;1969-12-31T23:59:59.999Z\n");
    mock_host_destroy(h);
    const char *const bad[] = {"", ";;", "\"", "\n"};
    for (int i = 0; i < 4; i++) {
        h = csv_host("a:string");
        mock_set(h, "delimiter", bad[i]);
        CU_ASSERT_EQUAL(mock_open(h), WEIR_E_CONFIG);
        mock_host_destroy(h);
    }
}

static void bytes_that_are_no_text_are_escaped(void)
{
    check("a:bytes", "ff5c6100\n", "\\xff\\x5ca\\x00\n");
    check("a:bytes", "c3a95c\n", "\xC3\xA9\\\n"); /* UTF-8: as it is */
}

static void numbers_are_quoted_where_they_must_be(void)
{
    static const struct {
        const char *delimiter, *null, *input, *rows, *expected;
    } cases[] = {
        {".", "", "a:f64, b:i64", "1.5|2\n", "\"1.5\".2\n"},
        {"-", "", "a:i64, b:i64", "-5|5\n", "\"-5\"-5\n"},
        {"7", "", "a:i32, b:timestamp?", "170|~\n", "\"170\"7\n"},
        {"e", "", "a:bool, b:f64", "true|1e+20\n", "\"true\"e\"1e+20\"\n"},
        {",", "5", "a:i64, b:i64?", "5|~\n15|55\n", "\"5\",5\n15,55\n"},
        {",", "true", "a:bool, b:bool?", "true|~\nfalse|false\n", "\"true\",true\nfalse,false\n"},
        {",", "-inf", "a:f64, b:f64?", "-inf|~\n-5|inf\n", "\"-inf\",-inf\n-5.0,inf\n"},
        {",", "-", "a:i64, b:i64?", "-5|~\n", "-5,-\n"},
    };
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        struct mock_host *h = csv_host(cases[i].input);
        mock_set(h, "header", "false");
        mock_set(h, "delimiter", cases[i].delimiter);
        mock_set(h, "null", cases[i].null);
        CU_ASSERT_STRING_EQUAL(mock_encode(h, cases[i].rows), cases[i].expected);
        mock_host_destroy(h);
    }
}

static void check_long(int n, bool quoted)
{
    static char text[40 * PLAIN_MOST + 1], rows[sizeof text + 16], expected[sizeof text + 2 * WEIR_TEXT_MAX + 16];
    char null[2 * WEIR_TEXT_MAX]; /* longer than any number */
    memset(null, 'n', sizeof null - 1);
    null[sizeof null - 1] = 0;
    memset(text, 'x', (size_t)n);
    text[n] = 0;
    if (quoted) text[n - 1] = '"';
    snprintf(rows, sizeof rows, "%s|~|7\n", text);
    snprintf(expected, sizeof expected, quoted ? "\"%s\"\",%s,7\n" : "%s,%s,7\n", text, null);
    struct mock_host *h = csv_host("a:string, b:string?, c:i64");
    mock_set(h, "header", "false");
    mock_set(h, "null", null);
    CU_ASSERT_STRING_EQUAL(mock_encode(h, rows), expected);
    mock_host_destroy(h);
}

/* Longer than what is put in one go. */
static void long_texts_are_written_whole(void)
{
    for (int n = PLAIN_MOST - 2; n <= PLAIN_MOST + 2; n++) {
        check_long(n, false);
        check_long(n, true);
    }
    check_long(40 * PLAIN_MOST, false);
    check_long(40 * PLAIN_MOST, true);
}

/* Sixteen bytes at a time finds and writes what byte by byte does, and touches nothing else. */
static void texts_are_copied_alike(void)
{
    srand(5);
    for (int round = 0; round < 200000; round++) {
        char text[96], bytewise[96], fast[96];
        size_t n = (size_t)rand() % 70, at = (size_t)rand() % 16;
        for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + rand() % 26);
        if (n > 0 && rand() % 2) text[at + (size_t)rand() % n] = ";\"\n\r\0\xFF,"[rand() % 7];
        if (rand() % 2) text[at + n] = ';'; /* behind it */
        memset(bytewise, '#', sizeof bytewise);
        memset(fast, '#', sizeof fast);
        bool plain = plain_copy_bytewise(bytewise + at, text + at, n, ';');
        bool same = plain == plain_copy(fast + at, text + at, n, ';') && memcmp(bytewise, fast, sizeof fast) == 0;
        if (!same) CU_FAIL_FATAL("another copy");
    }
}

/* The obvious reader: fields of one record set as text with '|', nulls (unquoted empty) as '~'. */
static const char *read_record(const char *p, struct weir_text *to)
{
    for (;;) {
        if (*p == '"') {
            for (p++; p[0] != '"' || p[1] == '"'; p++) {
                if (*p == '"') p++;
                weir_text_add_bytes(to, p, 1);
            }
            p++;
        } else {
            size_t n = strcspn(p, ",\n");
            weir_text_add_bytes(to, n ? p : "~", n ? n : 1);
            p += n;
        }
        if (*p++ == '\n') break;
        weir_text_add_bytes(to, "|", 1);
    }
    weir_text_add_bytes(to, "\n", 1);
    return p;
}

static void random_texts_come_back(void)
{
    srand(3);
    for (int round = 0; round < 500; round++) {
        struct weir_text rows = {0}, back = {0};
        for (int i = 0; i < 5; i++) {
            for (int c = 0; c < 3; c++) {
                int n = rand() % 6;
                if (rand() % 8 == 0)
                    weir_text_add(&rows, "~");
                else
                    for (int k = 0; k < n; k++) weir_text_add_bytes(&rows, ",\"\r a\\;" + rand() % 7, 1);
                weir_text_add(&rows, c < 2 ? "|" : "\n");
            }
        }
        struct mock_host *h = csv_host("a:string?, b:string?, c:string?");
        mock_set(h, "header", "false");
        const char *text = mock_encode(h, weir_text_get(&rows));
        while (*text) text = read_record(text, &back);
        CU_ASSERT_STRING_EQUAL(weir_text_get(&back), weir_text_get(&rows));
        mock_host_destroy(h);
        weir_text_finish(&rows);
        weir_text_finish(&back);
    }
}

WEIR_SUITE(encoder_csv) = {
    {"writes every type", writes_every_type},
    {"quotes only what must be", quotes_only_what_must_be},
    {"null and the empty string stay apart", null_and_the_empty_string_stay_apart},
    {"options change it", options_change_it},
    {"bytes that are no text are escaped", bytes_that_are_no_text_are_escaped},
    {"numbers are quoted where they must be", numbers_are_quoted_where_they_must_be},
    {"long texts are written whole", long_texts_are_written_whole},
    {"texts are copied alike", texts_are_copied_alike},
    {"random texts come back", random_texts_come_back},
    {NULL, NULL},
};
