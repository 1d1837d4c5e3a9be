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
                if (rand() % 8 == 0) weir_text_add(&rows, "~");
                else for (int k = 0; k < n; k++) weir_text_add_bytes(&rows, ",\"\r a\\;" + rand() % 7, 1);
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
    {"random texts come back", random_texts_come_back},
    {NULL, NULL},
};
