/* JSON lines out; and msgpack to JSON against vectors. */
#define weir_plugin_v1 weir_test_encoder_json_lines
#include "plugins/encoder_json_lines/plugin.c"
#undef weir_plugin_v1

#include "harness/mock_host.h"
#include "harness/suite.h"

static void check(const char *input, const char *rows, const char *expected)
{
    struct mock_host *h = mock_host_create(&(struct mock_host_config){.component = &json_lines_component, .input = input});
    const char *text = mock_encode(h, rows);
    if (expected) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        CU_ASSERT_STRING_EQUAL(text, expected);
    } else {
        CU_ASSERT_PTR_NULL(text);
        CU_ASSERT_EQUAL(h->failed, WEIR_E_DATA);
    }
    mock_host_destroy(h);
}

static void writes_every_type(void)
{
    check(
        "a:bool, b:i32, c:i64, d:f32, e:f64, f:timestamp, g:string, h:bytes",
        "true|-5|9000000000|0.1|12.5|1511848894123|x|616263ff\n",
        "{\"a\":true,\"b\":-5,\"c\":9000000000,\"d\":0.1,\"e\":12.5,\"f\":1511848894123,\"g\":\"x\",\"h\":\"YWJj/w==\"}\n");
    check("a:bool?, b:any?", "~|~\nfalse|c0\n", "{\"a\":null,\"b\":null}\n{\"a\":false,\"b\":null}\n");
    check("a:f64, b:f32", "NaN|inf\n", "{\"a\":null,\"b\":null}\n");
    check("a:bytes", "\n61\n6162\n", "{\"a\":\"\"}\n{\"a\":\"YQ==\"}\n{\"a\":\"YWI=\"}\n");
}

static void timestamps_as_texts(void)
{
    struct mock_host *h =
        mock_host_create(&(struct mock_host_config){.component = &json_lines_component, .input = "a:timestamp"});
    mock_set(h, "timestamps", "iso");
    CU_ASSERT_STRING_EQUAL(mock_encode(h, "1511848894123\n"), "{\"a\":\"2017-11-28T06:01:34.123Z\"}\n");
    mock_host_destroy(h);
}

static void escapes_strings(void)
{
    check("a:string", "q\" b\\ t\t n\n", "{\"a\":\"q\\\" b\\\\ t\\t n\"}\n");
    check("a:string", "\x01 \x1f \x7f \xC3\xA9 \xF0\x9F\x98\x80\n",
          "{\"a\":\"\\u0001 \\u001f \x7f \xC3\xA9 \xF0\x9F\x98\x80\"}\n");
}

static void check_any(const char *hex, const char *json)
{
    struct weir_text rows = {0}, expected = {0};
    weir_text_add(&rows, "%s\n", hex);
    weir_text_add(&expected, "{\"a\":%s}\n", json ? json : "");
    check("a:any", weir_text_get(&rows), json ? weir_text_get(&expected) : NULL);
    weir_text_finish(&rows);
    weir_text_finish(&expected);
}

static void writes_msgpack_values(void)
{
    static const char *const vectors[][2] = {
        {"c0", "null"},
        {"c2", "false"},
        {"c3", "true"},
        {"00", "0"},
        {"7f", "127"},
        {"ff", "-1"},
        {"e0", "-32"},
        {"ccff", "255"},
        {"cdffff", "65535"},
        {"ceffffffff", "4294967295"},
        {"cfffffffffffffffff", "18446744073709551615"},
        {"d080", "-128"},
        {"d18000", "-32768"},
        {"d280000000", "-2147483648"},
        {"d38000000000000000", "-9223372036854775808"},
        {"d07f", "127"},
        {"d3000000000000000a", "10"},
        {"ca3fc00000", "1.5"},
        {"cb3fb999999999999a", "0.1"},
        {"cb7ff8000000000000", "null"},
        {"a0", "\"\""},
        {"a3616263", "\"abc\""},
        {"d903616263", "\"abc\""},
        {"da0003616263", "\"abc\""},
        {"db00000003616263", "\"abc\""},
        {"a261ff", "\"a\xEF\xBF\xBD\""},
        {"c403616263", "\"YWJj\""},
        {"c50003616263", "\"YWJj\""},
        {"c600000003616263", "\"YWJj\""},
        {"90", "[]"},
        {"9301c093c2c3a0", "[1,null,[false,true,\"\"]]"},
        {"dc000201c0", "[1,null]"},
        {"dd0000000101", "[1]"},
        {"80", "{}"},
        {"82a16101a16293010203", "{\"a\":1,\"b\":[1,2,3]}"},
        {"de0001a16101", "{\"a\":1}"},
        {"df00000001a16180", "{\"a\":{}}"},
        {"8205c0c3c2", "{\"5\":null,\"true\":false}"},
        {"81ca3fc0000001", "{\"1.5\":1}"},
        {"d40561", "\"BWE=\""},
        {"c70305616263", "\"BWFiYw==\""},
    };
    for (size_t i = 0; i < WEIR_LEN(vectors); i++) check_any(vectors[i][0], vectors[i][1]);
}

static void what_is_no_msgpack_value_is_an_error(void)
{
    static const char *const bad[] = {"",       "c1",   "cc",     "a3616",          "a36162",     "9201",
                                      "81a161", "0101", "819001", "81c403616263c0", "dd7fffffff", "c6ffffffff61"};
    for (size_t i = 0; i < WEIR_LEN(bad); i++) check_any(bad[i], NULL);
    char deep[200] = "";
    memset(deep, '9', 2 * 64);
    for (int i = 1; i < 2 * 64; i += 2) deep[i] = '1';
    strcpy(deep + 2 * 63, "90");
    struct weir_text expected = {0};
    for (int i = 0; i < 64; i++) weir_text_add(&expected, "[");
    for (int i = 0; i < 64; i++) weir_text_add(&expected, "]");
    check_any(deep, weir_text_get(&expected));
    strcpy(deep + 2 * 63, "9190");
    check_any(deep, NULL);
    weir_text_finish(&expected);
}

WEIR_SUITE(encoder_json_lines) = {
    {"writes every type", writes_every_type},
    {"timestamps as texts", timestamps_as_texts},
    {"escapes strings", escapes_strings},
    {"writes msgpack values", writes_msgpack_values},
    {"what is no msgpack value is an error", what_is_no_msgpack_value_is_an_error},
    {NULL, NULL},
};
