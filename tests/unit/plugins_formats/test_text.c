/* The text decoder. */
#define weir_plugin_v1 text_plugin_v0
#include "../../../plugins/format_text/plugin.c"

#include "fixture.h"

static void a_line_is_a_record(void)
{
    CHECK_DECODED(new_decoder(&text_lines_component, NULL, NULL), "\xEF\xBB\xBFone\r\n\n two \rthree\n\xC3\xA9\r\r\nend",
                  "one\n\n two \rthree\n\xC3\xA9\r\nend\n", "");
    CHECK_DECODED(new_decoder(&text_lines_component, NULL, NULL), "", "", "");
    CHECK_DECODED(new_decoder(&text_lines_component, NULL, NULL), "\xEF\xBB", "",
                  "in:0: at byte 0: invalid UTF-8 [\xEF\xBB]\n");
}

static void invalid_utf8_is_rejected(void)
{
    CHECK_DECODED(new_decoder(&text_lines_component, NULL, NULL), "ok\nbad \xC0\x80\nok\n", "ok\nok\n",
                  "in:3: at byte 4: invalid UTF-8 [bad \xC0\x80]\n");
}

static void a_stream_can_be_entered_at_any_line(void)
{
    struct mock_host *h = new_decoder(&text_lines_component, NULL, NULL);
    weir_stream stream = {.struct_size = sizeof stream, .name = "in", .offset = 1000};
    size_t used, at;
    CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
    CU_ASSERT_EQUAL(text_vtable.begin(mock_self(h), &h->cx, &stream), WEIR_OK);
    CU_ASSERT_EQUAL(text_vtable.decode(mock_self(h), &h->cx, "\xEF\xBB\xBF\n\xFF\nhalf", 10, false, 10, &used), WEIR_OK);
    CU_ASSERT_EQUAL(used, 6);
    check_text(weir_text_get(&h->rejects), "in:1004: at byte 0: invalid UTF-8 [\xFF]\n", __LINE__);
    check_text(mock_rows(h), "\xEF\xBB\xBF\n", __LINE__); /* a byte order mark only at the very start */
    CU_ASSERT_TRUE(text_vtable.splittable(mock_self(h)));
    CU_ASSERT_TRUE(text_vtable.boundary(mock_self(h), "ab\ncd\n", 6, &at));
    CU_ASSERT_EQUAL(at, 3);
    mock_host_destroy(h);
}

static void the_cuts_of_a_stream_do_not_show(void)
{
    static const char *const pieces[] = {"\n", "\r", "\r\n", "a", "some words", "\xC3\xA9", "\xFF"};
    uint64_t seed = 3;
    for (int round = 0; round < 200; round++) {
        char *text = random_text(&seed, pieces, WEIR_LEN(pieces));
        check_cuts(&text_lines_component, NULL, NULL, text, strlen(text));
        free(text);
    }
}

WEIR_SUITE(text) = {{"a line is a record", a_line_is_a_record},
                    {"invalid UTF-8 is rejected", invalid_utf8_is_rejected},
                    {"a stream can be entered at any line", a_stream_can_be_entered_at_any_line},
                    {"the cuts of a stream do not show", the_cuts_of_a_stream_do_not_show},
                    {NULL, NULL}};
