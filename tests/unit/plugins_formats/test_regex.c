/* The regex decoder. */
#define weir_plugin_v1 regex_plugin_v0
#include "../../../plugins/format_regex/plugin.c"

#include "fixture.h"

static void groups_become_columns(void)
{
    CHECK_DECODED(new_decoder(&regex_component, "n:i64, user:string, at:timestamp?, note:string?",
                              OPTIONS("pattern", "(?<user>\\w+) (?<n>-?\\d+)(?: @(?<at>\\S*))?(?: (?<note>.*))?")),
                  "ann 5 @1970-01-01T00:00:01Z hello \xC3\xA9\r\nbob -7\ncy 1 @ \n",
                  "5|ann|1000|hello \xC3\xA9\n-7|bob|~|~\n1|cy|~|\n", "");
}

static void the_whole_line_must_match(void)
{
    CHECK_DECODED(new_decoder(&regex_component, "n:i64", OPTIONS("pattern", "(?<n>\\d+)|x")),
                  "12\n12 \n a12\n\nx\n99999999999999999999\n\xFF\n", "12\n",
                  "in:3: the pattern does not match the line [12 ]\n"
                  "in:7: the pattern does not match the line [ a12]\n"
                  "in:12: the pattern does not match the line []\n"
                  "in:13: column 'n' (i64): its group took no part in the match, and the column must not be null [x]\n"
                  "in:15: column 'n' (i64): \"99999999999999999999\" is not an integer of 64 bits [99999999999999999999]\n"
                  "in:36: at byte 0: invalid UTF-8 [\xFF]\n");
}

static void no_line_takes_for_ever(void)
{
    struct mock_host *h = new_decoder(&regex_component, "a:string", OPTIONS("pattern", "(?<a>(?:(a+)+)+)[bd]"));
    const char *text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac\naab\n";
    CU_ASSERT_EQUAL(mock_decode(h, "in", text, strlen(text), 0, 10), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(mock_rows(h), "aa\n");
    CU_ASSERT_EQUAL(h->n_rejects, 1);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->rejects), "in:0: matching was given up: match limit exceeded");
    mock_host_destroy(h);
}

static void refuses_bad_patterns(void)
{
    check_open_fails(new_decoder(&regex_component, "n:i64", OPTIONS("pattern", "(?<n>\\d+")),
                     "option pattern, at byte 8: missing closing parenthesis");
    check_open_fails(new_decoder(&regex_component, "n:i64", OPTIONS("pattern", "\xFF")),
                     "option pattern, at byte 0: it is not valid UTF-8");
    check_open_fails(new_decoder(&regex_component, "n:i64, m:i64", OPTIONS("pattern", "(?<n>\\d+)")),
                     "column 'm' has no group (?<m>...)");
    check_open_fails(new_decoder(&regex_component, "n:any", OPTIONS("pattern", "(?<n>\\d+)")),
                     "column 'n': no text of a group is of type any");
    check_open_fails(new_decoder(&regex_component, "n:i64", OPTIONS("pattern", "(?<n>\\d+)", "timestamps", "x")),
                     "option timestamps");
}

WEIR_SUITE(regex) = {{"groups become columns", groups_become_columns},
                     {"the whole line must match", the_whole_line_must_match},
                     {"no line takes for ever", no_line_takes_for_ever},
                     {"refuses bad patterns", refuses_bad_patterns},
                     {NULL, NULL}};
