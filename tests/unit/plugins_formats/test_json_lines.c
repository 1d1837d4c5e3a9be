/* The JSON lines decoder. Jansson is the second opinion on what is JSON. */
#include <jansson.h>

#define weir_plugin_v1 json_plugin_v0
#include "../../../plugins/format_json_lines/plugin.c"

#include "fixture.h"

static void reads_every_type(void)
{
    CHECK_DECODED(new_decoder(&json_lines_component,
                              "b:bool?, i:i32?, l:i64?, f:f32?, d:f64?, t:timestamp?, s:string?, y:bytes?", NULL),
                  "{\"b\":true,\"i\":-7,\"l\":9223372036854775807,\"f\":0.5,\"d\":1e300,\"t\":\"1970-01-01T00:00:01Z\","
                  "\"s\":\"abc\",\"y\":\"eHl6\"}\n"
                  " { \"y\" : \"\" , \"s\" : \"\" , \"t\":1234, \"d\":-0, \"l\":-9223372036854775808, \"b\":false } \r\n"
                  "{\"b\":null,\"i\":null,\"l\":null,\"f\":null,\"d\":null,\"t\":null,\"s\":null,\"y\":null}\n"
                  "\n{}",
                  "true|-7|9223372036854775807|0.5|1e+300|1000|abc|78797a\n"
                  "false|~|-9223372036854775808|~|-0.0|1234||\n"
                  "~|~|~|~|~|~|~|~\n~|~|~|~|~|~|~|~\n",
                  "");
}

static void strings_are_unescaped(void)
{
    CHECK_DECODED(new_decoder(&json_lines_component, "s:string", NULL),
                  "{\"s\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"}\n"
                  "{\"\\u0073\":\"\\u00e9\\u20AC\\uD83D\\ude00 plain\"}\n"
                  "{\"s\":\"0123456789 long enough for words \\u0041 and more after it\"}\n",
                  "a\"\\/\b\f\n\r\tz\n\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 plain\n"
                  "0123456789 long enough for words A and more after it\n",
                  "");
}

/* Quotes, backslashes and control characters end a run of plain bytes wherever they stand in it; nothing else does. */
static void every_byte_at_every_place_of_a_string(void)
{
    for (int byte = 1; byte < 0x80; byte++) {
        for (int at = 0; at < 20; at++) {
            char line[64] = "{\"s\":\"abcdefghijklmnopqrst\"}", expected[64] = "abcdefghijklmnopqrst\n";
            struct mock_host *h = new_decoder(&json_lines_component, "s:string", NULL);
            bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
            line[6 + at] = expected[at] = (char)byte;
            CU_ASSERT_EQUAL(mock_decode(h, "in", line, strlen(line), 0, 10), WEIR_OK);
            if (plain) CU_ASSERT_STRING_EQUAL(mock_rows(h), expected);
            CU_ASSERT_EQUAL(h->n_rejects > 0, !plain && !(byte == '\\' && strchr("bfnrt", line[7 + at])));
            mock_host_destroy(h);
        }
    }
}

/* The same line behind a blank is none that is read in one go. */
static void check_both_ways(const char *fields, const char *line)
{
    char blank[256];
    struct mock_host *plain = new_decoder(&json_lines_component, fields, NULL);
    struct mock_host *other = new_decoder(&json_lines_component, fields, NULL);
    snprintf(blank, sizeof blank, " %s", line);
    CU_ASSERT_EQUAL(mock_decode(plain, "in", line, strlen(line), 0, 10), WEIR_OK);
    CU_ASSERT_EQUAL(mock_decode(other, "in", blank, strlen(blank), 0, 10), WEIR_OK);
    CU_ASSERT_EQUAL(plain->n_rejects, other->n_rejects);
    CU_ASSERT_STRING_EQUAL(mock_rows(plain), mock_rows(other));
    mock_host_destroy(plain);
    mock_host_destroy(other);
}

static void plain_lines_are_read_like_others(void)
{
    static const char bytes[] = "\"\\/{}[]:, \t\r-+.eE019ntfulsZ\x01\x1f\x7f\x80\xc3\xff";
    static const char *const lines[] = {
        "{\"s\":\"/page/00042\",\"i\":-12,\"l\":1234567890123456,\"t\":1700000000000,\"d\":-0.25,\"b\":true}",
        "{\"s\": \"\", \"i\": 0, \"l\": null, \"t\": \"1970-01-01T00:00:01Z\", \"d\": 7, \"b\": false}"};
    for (size_t k = 0; k < WEIR_LEN(lines); k++) {
        for (size_t at = 0; lines[k][at]; at++) {
            for (size_t i = 0; i < sizeof bytes; i++) { /* the last one ends the line */
                char line[128];
                snprintf(line, sizeof line, "%s", lines[k]);
                line[at] = bytes[i];
                check_both_ways("s:string, i:i32, l:i64?, t:timestamp, d:f64, b:bool", line);
            }
        }
    }
}

static void plain_numbers_and_texts_of_every_length(void)
{
    static const char *const numbers[] = {
        "2147483647", "2147483648", "-2147483648",         "-2147483649",         "01", "-01", "-",
        "1.",         "1.5",        "9223372036854775807", "9223372036854775808", "1e3"};
    char line[128];
    for (size_t i = 0; i < WEIR_LEN(numbers); i++) {
        snprintf(line, sizeof line, "{\"n\":%s}", numbers[i]);
        check_both_ways("n:i32", line);
        check_both_ways("n:i64", line);
        check_both_ways("n:f32", line);
    }
    for (int n = 0; n < 40; n++) {
        snprintf(line, sizeof line, "{\"s\":\"%.*s\"}", n, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
        check_both_ways("s:string", line);
        snprintf(line, sizeof line, "{\"n\":%.*s,\"m\":%.*s}", n, "1234567890123456789012345678901234567890", n / 2,
                 "1234567890123456789012345678901234567890");
        check_both_ways("n:i64, m:i64", line);
    }
}

/* Behind a line that is none some are not tried as plain ones. */
static void plain_lines_among_others(void)
{
    CHECK_DECODED(new_decoder(&json_lines_component, "a:i64?, b:string", NULL),
                  "{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\",\"a\":2}\n{\"a\":3,\"b\":\"z\"}\n{\"a\":4,\"b\":\"u\"}\n"
                  "{\"a\":null,\"b\":5}\n{\"a\":6,\"b\":\"v\"}\n{\"a\":7,\"b\":\"w\"}\n",
                  "1|x\n2|y\n3|z\n4|u\n6|v\n7|w\n",
                  "in:64: at byte 14, column 'b' (string): expected a string [{\"a\":null,\"b\":5}]\n");
}

static void any_becomes_msgpack(void)
{
    CHECK_DECODED(
        new_decoder(&json_lines_component, "v:any", NULL),
        "{\"v\":{\"a\":[1,-1,true,null,\"x\"],\"b\":{}}}\n"
        "{\"v\":null}\n{\"v\":127}\n{\"v\":128}\n{\"v\":65536}\n{\"v\":-33}\n{\"v\":-129}\n{\"v\":18446744073709551615}\n"
        "{\"v\":18446744073709551616}\n{\"v\":1.5}\n{\"v\":[]}\n{\"v\":\"01234567890123456789012345678901\"}\n"
        "{\"v\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}\n",
        "82a1619501ffc3c0a178a16280\nc0\n7f\ncc80\nce00010000\nd0df\nd1ff7f\ncfffffffffffffffff\n"
        "cb43f0000000000000\ncb3ff8000000000000\n90\nd9203031323334353637383930313233343536373839303132333435363738"
        "39"
        "3031\n"
        "dc0010000102030405060708090a0b0c0d0e0f\n",
        "");
}

static void long_arrays_and_strings_have_long_heads(void)
{
    enum { N = 70000 };
    char *text = malloc(4 * N);
    size_t n = (size_t)sprintf(text, "{\"v\":[");
    for (int i = 0; i < N; i++) n += (size_t)sprintf(text + n, i ? ",1" : "1");
    n += (size_t)sprintf(text + n, "]}\n{\"v\":\"");
    memset(text + n, 'x', N);
    n += N;
    n += (size_t)sprintf(text + n, "\"}\n");
    struct mock_host *h = new_decoder(&json_lines_component, "v:any", NULL);
    CU_ASSERT_EQUAL(mock_decode(h, "in", text, n, 0, 10), WEIR_OK);
    const char *rows = mock_rows(h);
    CU_ASSERT_EQUAL(strncmp(rows, "dd0001117001010101", 18), 0);
    CU_ASSERT_EQUAL(strncmp(rows + 2 * (5 + N) + 1, "db000111707878", 14), 0);
    CU_ASSERT_EQUAL(strlen(rows), 2 * (2 * (5 + N) + 1));
    mock_host_destroy(h);
    free(text);
}

static void rejects_what_does_not_fit(void)
{
    CHECK_DECODED(
        new_decoder(&json_lines_component, "a:i64, s:string?", NULL),
        "{\"a\":1.0}\n{\"a\":\"1\"}\n{\"a\":null}\n{\"s\":\"x\"}\n{\"a\":1,\"s\":2}\n{\"a\":1,\"a\":2}\n"
        "{\"a\":1e3}\n{\"a\":9223372036854775808}\n{\"a\":true}\n{\"a\":1,\"s\":\"\\ud800\"}\n{\"a\":1,\"s\":\"\xFF\"}\n"
        "{\"a\":1,\"z\":[{]}\n{\"s\":null,\"a\":x}\n{\"a\":5}\n",
        "5|~\n",
        "in:0: at byte 8, column 'a' (i64): not an integer of 64 bits [{\"a\":1.0}]\n"
        "in:10: at byte 5, column 'a' (i64): expected a number [{\"a\":\"1\"}]\n"
        "in:20: at byte 9, column 'a' (i64): must not be null [{\"a\":null}]\n"
        "in:31: at byte 9, column 'a' (i64): is missing, and must not be null [{\"s\":\"x\"}]\n"
        "in:41: at byte 11, column 's' (string): expected a string [{\"a\":1,\"s\":2}]\n"
        "in:55: at byte 11, column 'a' (i64): the name stands twice [{\"a\":1,\"a\":2}]\n"
        "in:69: at byte 8, column 'a' (i64): not an integer of 64 bits [{\"a\":1e3}]\n"
        "in:79: at byte 24, column 'a' (i64): not an integer of 64 bits [{\"a\":9223372036854775808}]\n"
        "in:105: at byte 5, column 'a' (i64): expected a number [{\"a\":true}]\n"
        "in:116: at byte 18, column 's' (string): half of a surrogate pair [{\"a\":1,\"s\":\"\\ud800\"}]\n"
        "in:137: at byte 12: invalid UTF-8 [{\"a\":1,\"s\":\"\xFF\"}]\n"
        "in:153: at byte 13: expected a name in quotes [{\"a\":1,\"z\":[{]}]\n"
        "in:169: at byte 14, column 'a' (i64): expected a number [{\"s\":null,\"a\":x}]\n");
}

static void surrogates_come_in_pairs(void)
{
    static const char *const halves[] = {"\\ud800",  "\\udc00",    "\\ud800\\ue000", "\\ud800\\ud800",
                                         "\\ud800x", "\\ud800\\n", "\\udbff\\udbff"};
    for (size_t i = 0; i < WEIR_LEN(halves); i++) {
        char line[64];
        struct mock_host *h = new_decoder(&json_lines_component, "s:string", NULL);
        snprintf(line, sizeof line, "{\"s\":\"%s\"}", halves[i]);
        CU_ASSERT_EQUAL(mock_decode(h, "in", line, strlen(line), 0, 10), WEIR_OK);
        WEIR_ASSERT_CONTAINS(weir_text_get(&h->rejects), "half of a surrogate pair");
        mock_host_destroy(h);
    }
}

static void unknown_names_are_ignored_or_rejected(void)
{
    const char *text = "{\"x\":{\"deep\":[1,2]},\"a\":1,\"y\":null}\n";
    CHECK_DECODED(new_decoder(&json_lines_component, "a:i64", NULL), text, "1\n", "");
    struct mock_host *h = new_decoder(&json_lines_component, "a:i64", OPTIONS("unknown", "reject"));
    CU_ASSERT_EQUAL(mock_decode(h, "in", text, strlen(text), 0, 10), WEIR_OK);
    CU_ASSERT_EQUAL(h->n_rejects, 1);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->rejects), "at byte 4: a name that is not in the schema");
    mock_host_destroy(h);
}

/* Names in the schema's order, without blanks, are recognised whole; this must not show. */
static void names_in_any_order_and_form(void)
{
    CHECK_DECODED(new_decoder(&json_lines_component, "a:i64?, thirteen_long:i64?, fourteen_longs:i64?", NULL),
                  "{\"a\":1,\"thirteen_long\":2,\"fourteen_longs\":3}\n"
                  "{\"fourteen_longs\":3,\"thirteen_long\":2,\"a\":1}\n"
                  "{\"a\": 1, \"thirteen_long\" :2 ,\"fourteen_longs\":3}\n"
                  "{\"\\u0061\":1,\"thirteen_lonG\":2}\n"
                  "{\"aa\":1,\"thirteen_long\":2}\n"
                  "{\"thirteen_long\":2,\"a\":1,\"thirteen_long\":3}\n"
                  "{\"a\":1,\"a\":2}\n"
                  "{\"a\":12345678,\"thirteen_long\":123456789012345678}\n"
                  "{\"a\":1234567,\"thirteen_long\":12345678x0123456}\n",
                  "1|2|3\n1|2|3\n1|2|3\n1|~|~\n~|2|~\n12345678|123456789012345678|~\n",
                  "in:197: at byte 41, column 'thirteen_long' (i64): the name stands twice "
                  "[{\"thirteen_long\":2,\"a\":1,\"thirteen_long\":3}]\n"
                  "in:241: at byte 11, column 'a' (i64): the name stands twice [{\"a\":1,\"a\":2}]\n"
                  "in:305: at byte 37: expected ',' or '}' [{\"a\":1234567,\"thirteen_long\":12345678x0123456}]\n");
}

static void timestamps_as_the_option_says(void)
{
    CHECK_DECODED(new_decoder(&json_lines_component, "t:timestamp", OPTIONS("timestamps", "epoch_s")),
                  "{\"t\":1511848894}\n{\"t\":2.5}\n{\"t\":\"3\"}\n", "1511848894000\n2500\n3000\n", "");
    CHECK_DECODED(new_decoder(&json_lines_component, "t:timestamp", OPTIONS("timestamps", "%d.%m.%Y")),
                  "{\"t\":\"02.01.1970\"}\n{\"t\":5}\n", "86400000\n",
                  "in:19: at byte 6, column 't' (timestamp): expected a time in a string [{\"t\":5}]\n");
    check_open_fails(new_decoder(&json_lines_component, "t:timestamp", OPTIONS("timestamps", "noon")), "option timestamps");
}

static void depth_has_a_limit(void)
{
    char text[2 * DEPTH + 64];
    for (int depth = DEPTH - 1; depth <= DEPTH; depth++) { /* arrays within the object */
        struct mock_host *h = new_decoder(&json_lines_component, "v:any", NULL);
        int n = sprintf(text, "{\"v\":");
        for (int i = 0; i < depth; i++) text[n++] = '[';
        for (int i = 0; i < depth; i++) text[n++] = ']';
        text[n++] = '}';
        CU_ASSERT_EQUAL(mock_decode(h, "in", text, (size_t)n, 0, 10), WEIR_OK);
        CU_ASSERT_EQUAL(h->n_rejects, depth == DEPTH);
        mock_host_destroy(h);
    }
}

static const char *const pieces[] = {"{",           "}",
                                     "{\"a\":",     "\"s\":",
                                     ",",           ":",
                                     "1",           "-2.5",
                                     "\"x\"",       "\"a\"",
                                     "[",           "]",
                                     "\n",          "\n",
                                     "null",        "true",
                                     " ",           "\\",
                                     "\"",          "1e5",
                                     "0",           "-",
                                     "\\u00e9",     "\xC3\xA9",
                                     "\r",          "{\"a\":1,\"s\":\"y\"}\n",
                                     "{\"a\":2}\n", "\"s\":\"\\ud83d\\ude00\""};

static void the_cuts_of_a_stream_do_not_show(void)
{
    uint64_t seed = 11;
    for (int round = 0; round < 500; round++) {
        char *text = random_text(&seed, pieces, WEIR_LEN(pieces));
        check_cuts(&json_lines_component, "a:i64?, s:string?", NULL, text, strlen(text));
        check_cuts(&json_lines_component, "a:any?", NULL, text, strlen(text));
        free(text);
    }
}

static void any_bytes_do_no_harm(void)
{
    uint64_t seed = 12;
    for (int round = 0; round < 300; round++) {
        char bytes[300];
        size_t n = next_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < n; i++) bytes[i] = (char)next_random(&seed);
        check_cuts(&json_lines_component, "a:any?", NULL, bytes, n);
    }
}

/* A line is taken exactly when jansson takes it as an object (numbers beyond its range aside: none are made here). */
static void random_lines_as_jansson_judges_them(void)
{
    uint64_t seed = 13;
    int taken = 0;
    for (int round = 0; round < 60000; round++) {
        char line[200] = "{\"a\":";
        for (uint32_t k = next_random(&seed) % 7; k > 0; k--) strcat(line, pieces[next_random(&seed) % WEIR_LEN(pieces)]);
        line[strcspn(line, "\n")] = 0;
        if (round % 2) strcat(line, "}");
        struct mock_host *h = new_decoder(&json_lines_component, "z:any?", NULL);
        CU_ASSERT_EQUAL(mock_decode(h, "in", line, strlen(line), 0, 10), WEIR_OK);
        json_t *tree = json_loads(line, 0, NULL);
        if ((h->n_rows == 1) != (tree != NULL)) fprintf(stderr, "\n%s\n", line);
        CU_ASSERT_EQUAL(h->n_rows == 1, tree != NULL);
        CU_ASSERT_EQUAL(h->n_rejects, tree == NULL);
        taken += tree != NULL;
        json_decref(tree);
        mock_host_destroy(h);
    }
    CU_ASSERT_TRUE(taken > 1000);
}

WEIR_SUITE(json_lines) = {{"reads every type", reads_every_type},
                          {"strings are unescaped", strings_are_unescaped},
                          {"every byte at every place of a string", every_byte_at_every_place_of_a_string},
                          {"plain lines are read like others", plain_lines_are_read_like_others},
                          {"plain numbers and texts of every length", plain_numbers_and_texts_of_every_length},
                          {"plain lines among others", plain_lines_among_others},
                          {"any becomes msgpack", any_becomes_msgpack},
                          {"long arrays and strings have long heads", long_arrays_and_strings_have_long_heads},
                          {"rejects what does not fit", rejects_what_does_not_fit},
                          {"surrogates come in pairs", surrogates_come_in_pairs},
                          {"unknown names are ignored or rejected", unknown_names_are_ignored_or_rejected},
                          {"timestamps as the option says", timestamps_as_the_option_says},
                          {"names in any order and form", names_in_any_order_and_form},
                          {"depth has a limit", depth_has_a_limit},
                          {"the cuts of a stream do not show", the_cuts_of_a_stream_do_not_show},
                          {"any bytes do no harm", any_bytes_do_no_harm},
                          {"random lines as jansson judges them", random_lines_as_jansson_judges_them},
                          {NULL, NULL}};
