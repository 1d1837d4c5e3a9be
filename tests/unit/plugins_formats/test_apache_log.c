/* The Apache access log decoders; on the sample log too, where it is at hand. */
#define weir_plugin_v1 apache_plugin_v0
#include "../../../plugins/format_apache_log/plugin.c"

#include "fixture.h"

static void reads_the_combined_format(void)
{
    CHECK_DECODED(
        new_decoder(&combined_component, NULL, NULL),
        "83.149.9.216 - - [17/May/2015:10:05:03 +0000] \"GET /a?b=c HTTP/1.1\" 200 203023 \"http://x/\" \"Mozilla/5.0 "
        "(X11)\"\n"
        "::1 id ann lee [01/Jan/1970:01:00:00 +0100] \"POST /x HTTP/1.0\" 304 - \"-\" \"say \\\"hi\\\" \\\\\"\r\n",
        "83.149.9.216|~|~|1431857103000|GET|/a?b=c|HTTP/1.1|GET /a?b=c HTTP/1.1|200|203023|http://x/|Mozilla/5.0 (X11)\n"
        "::1|id|ann lee|0|POST|/x|HTTP/1.0|POST /x HTTP/1.0|304|~|~|say \\\"hi\\\" \\\\\n",
        "");
}

static void reads_the_common_format(void)
{
    CHECK_DECODED(new_decoder(&common_component, NULL, NULL),
                  "h - - [01/Jan/1970:00:00:01 +0000] \"GET / HTTP/1.1\" 200 0\n"
                  "h - - [01/Jan/1970:00:00:01 +0000] \"GET / HTTP/1.1\" 200 0 \"-\" \"-\"\n",
                  "h|~|~|1000|GET|/|HTTP/1.1|GET / HTTP/1.1|200|0\n",
                  "in:58: at byte 57: expected the end of the line of the common log format "
                  "[h - - [01/Jan/1970:00:00:01 +0000] \"GET / HTTP/1.1\" 200 0 \"-\" \"-\"]\n");
}

#define LINE(request) "h - - [01/Jan/1970:00:00:00 +0000] \"" request "\" 400 1\n"

static void request_lines_of_other_forms(void)
{
    CHECK_DECODED(new_decoder(&common_component, NULL, NULL),
                  LINE("GET /old") LINE("-") LINE("") LINE("\\x16\\x03") LINE("GET /a b HTTP/1.1") LINE("a b c") LINE("GET ")
                      LINE(" /x HTTP/1.1"),
                  "h|~|~|0|GET|/old|~|GET /old|400|1\n"
                  "h|~|~|0|~|~|~|-|400|1\n"
                  "h|~|~|0|~|~|~||400|1\n"
                  "h|~|~|0|~|~|~|\\x16\\x03|400|1\n"
                  "h|~|~|0|GET|/a b|HTTP/1.1|GET /a b HTTP/1.1|400|1\n"
                  "h|~|~|0|~|~|~|a b c|400|1\n"
                  "h|~|~|0|~|~|~|GET |400|1\n"
                  "h|~|~|0|~|~|~| /x HTTP/1.1|400|1\n",
                  "");
}

static void rejects_other_lines(void)
{
    static const char *const lines[][2] = {
        {"", "at byte 0: expected the host"},
        {"h - - 01/Jan/1970", "expected the user"},
        {"h - - [01/Jan/1970:00:00:00 +0000 \"GET / HTTP/1.1\" 200 1", "expected the time"},
        {"h - - [01/Foo/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"", "the time is not as"},
        {"h - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1 200 1", "expected the request"},
        {"h - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 2000 1 \"-\" \"-\"", "the status is not as"},
        {"h - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 200 x \"-\" \"-\"", "the size is not as"},
        {"h - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"open", "expected the agent"},
        {"h - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"a\\\"", "expected the agent"},
        {"h - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1", "expected the referer"},
        {"h - - [01/Jan/1970:00:00:00 +0000] \"GET /\xFF HTTP/1.1\" 200 1 \"-\" \"-\"", "at byte 41: invalid UTF-8"},
    };
    for (size_t i = 0; i < WEIR_LEN(lines); i++) {
        struct mock_host *h = new_decoder(&combined_component, NULL, NULL);
        char line[200];
        snprintf(line, sizeof line, "%s\n", lines[i][0]);
        CU_ASSERT_EQUAL(mock_decode(h, "in", line, strlen(line), 0, 10), WEIR_OK);
        CU_ASSERT_EQUAL(h->n_rows, 0);
        CU_ASSERT_EQUAL(h->n_rejects, 1);
        WEIR_ASSERT_CONTAINS(weir_text_get(&h->rejects), lines[i][1]);
        mock_host_destroy(h);
    }
}

static char *sample_log(size_t *n)
{
    const char *path = getenv("WEIR_SAMPLE_LOG");
    FILE *f = fopen(path ? path : WEIR_SOURCE_DIR "/../shared/data/apache_access.log", "rb");
    char *text = NULL;
    if (!f) return NULL;
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    text = malloc(*n);
    if (fread(text, 1, *n, f) != *n) abort();
    fclose(f);
    return text;
}

static void the_sample_log_has_one_malformed_line(void)
{
    size_t n;
    char *text = sample_log(&n);
    if (!text) {
        fprintf(stderr, " SKIPPED (no sample log; WEIR_SAMPLE_LOG may name it)");
        return;
    }
    struct mock_host *h = new_decoder(&combined_component, NULL, NULL);
    CU_ASSERT_EQUAL(mock_decode(h, "log", text, n, 65536, 1024), WEIR_OK);
    CU_ASSERT_EQUAL(h->n_rows, 9999);
    CU_ASSERT_EQUAL(h->n_rejects, 1);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->rejects),
                         "expected the agent of the combined log format [46.118.127.106 - - [20/May/2015:12:05:17");
    mock_host_destroy(h);
    free(text);
}

static void the_cuts_of_a_stream_do_not_show(void)
{
    static const char *const pieces[] = {"h - - ",
                                         "[01/Jan/1970:00:00:00 +0000]",
                                         " \"GET / HTTP/1.1\" ",
                                         "200 1",
                                         " \"-\" \"x\"\n",
                                         "\n",
                                         "-",
                                         " ",
                                         "\"",
                                         "\\\"",
                                         "h - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n",
                                         "]",
                                         "["};
    uint64_t seed = 5;
    for (int round = 0; round < 200; round++) {
        char *text = calloc(1, 40000);
        for (uint32_t k = next_random(&seed) % 100; k > 0; k--) strcat(text, pieces[next_random(&seed) % WEIR_LEN(pieces)]);
        check_cuts(&combined_component, NULL, NULL, text, strlen(text));
        free(text);
    }
}

/* The day of the entry before is remembered: times must be as the pattern reads them, whatever came before. */
static void times_in_any_order(void)
{
    static const char *const days[] = {"10/Oct/2000", "11/Oct/2000", "10/oct/2000", "29/Feb/2023", "1/Oct/20001"};
    static const char *const zones[] = {" +0000", " -0730", " +01:00", " Z", " +0", "+00000", " -9900"};
    uint64_t seed = 17;
    for (int round = 0; round < 200; round++) {
        struct weir_text text = {0}, expected = {0};
        for (int line = 0; line < 10; line++) {
            char when[64];
            int64_t ms;
            size_t n =
                (size_t)snprintf(when, sizeof when, "%s:%02u:%02u:%02u%s", days[next_random(&seed) % (line % 3 ? 2 : 5)],
                                 next_random(&seed) % 25, next_random(&seed) % 61, next_random(&seed) % 62,
                                 zones[next_random(&seed) % (line % 3 ? 2 : 7)]);
            if (next_random(&seed) % 8 == 0) when[next_random(&seed) % n] = "0:/ -x+"[next_random(&seed) % 7];
            weir_text_add(&text, "h - - [%s] \"-\" 200 1\n", when);
            if (!weir_text_to_time_by("%d/%b/%Y:%H:%M:%S %z", when, n, &ms)) continue;
            weir_text_add(&expected, "h|~|~|%lld|~|~|~|-|200|1\n", (long long)ms);
        }
        struct mock_host *h = new_decoder(&common_component, NULL, NULL);
        CU_ASSERT_EQUAL(mock_decode(h, "in", weir_text_get(&text), text.n, 0, 1000), WEIR_OK);
        check_text(mock_rows(h), weir_text_get(&expected), __LINE__);
        mock_host_destroy(h);
        weir_text_finish(&text);
        weir_text_finish(&expected);
    }
}

WEIR_SUITE(apache_log) = {{"reads the combined format", reads_the_combined_format},
                          {"reads the common format", reads_the_common_format},
                          {"request lines of other forms", request_lines_of_other_forms},
                          {"rejects other lines", rejects_other_lines},
                          {"the sample log has one malformed line", the_sample_log_has_one_malformed_line},
                          {"times in any order", times_in_any_order},
                          {"the cuts of a stream do not show", the_cuts_of_a_stream_do_not_show},
                          {NULL, NULL}};
