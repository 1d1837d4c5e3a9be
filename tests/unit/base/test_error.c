/* test_error.c - messages in fixed buffers. */
#include "base/error.h"

#include <string.h>

#include "harness/suite.h"

static void sets_a_message(void)
{
    struct weir_error e = {0};
    CU_ASSERT_EQUAL(weir_error_set(&e, WEIR_E_DATA, "row %d is %s", 7, "odd"), WEIR_E_DATA);
    CU_ASSERT_EQUAL(e.status, WEIR_E_DATA);
    CU_ASSERT_STRING_EQUAL(e.text, "row 7 is odd");
}

static void accepts_no_error(void)
{
    CU_ASSERT_EQUAL(weir_error_set(NULL, WEIR_E_IO, "%s", "x"), WEIR_E_IO);
    CU_ASSERT_EQUAL(weir_error_prefix(NULL, "%s", "x"), WEIR_OK);
}

static void takes_its_own_text_as_an_argument(void)
{
    struct weir_error e = {0};
    weir_error_set(&e, WEIR_E_IO, "disk full");
    weir_error_set(&e, e.status, "node 'a': %s", e.text);
    CU_ASSERT_STRING_EQUAL(e.text, "node 'a': disk full");
    CU_ASSERT_EQUAL(weir_error_prefix(&e, "after \"%s\": ", e.text), WEIR_E_IO);
    CU_ASSERT_STRING_EQUAL(e.text, "after \"node 'a': disk full\": node 'a': disk full");
}

static void cuts_long_messages_between_characters(void)
{
    struct weir_error e = {0};
    char text[2 * sizeof e.text];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3) memcpy(text + i, "感", 4);
        weir_error_set(&e, WEIR_E_DATA, "%s", text);
        size_t n = strlen(e.text);
        CU_ASSERT(n < sizeof e.text && n > sizeof e.text - 8);
        CU_ASSERT_STRING_EQUAL(e.text + n - 3, "...");
        CU_ASSERT_EQUAL((n - 3 - shift) % 3, 0); /* whole characters before the dots */
        weir_error_prefix(&e, "%s", "a prefix: ");
        n = strlen(e.text);
        CU_ASSERT(n < sizeof e.text);
        CU_ASSERT_STRING_EQUAL(e.text + n - 3, "...");
        CU_ASSERT_EQUAL(strncmp(e.text, "a prefix: ", 10), 0);
    }
}

static void names_every_status(void)
{
    for (int s = WEIR_E_CANCELLED; s <= WEIR_MORE; s++) {
        CU_ASSERT_STRING_NOT_EQUAL(weir_status_name((weir_status)s), "unknown status");
    }
    CU_ASSERT_STRING_EQUAL(weir_status_name((weir_status)-99), "unknown status");
    CU_ASSERT_STRING_EQUAL(weir_status_name(WEIR_E_CONFIG), "configuration error");
}

WEIR_SUITE(error) = {
    {"sets a message", sets_a_message},
    {"accepts that nobody wants the message", accepts_no_error},
    {"takes its own text as an argument", takes_its_own_text_as_an_argument},
    {"cuts long messages between characters", cuts_long_messages_between_characters},
    {"names every status", names_every_status},
    {NULL, NULL},
};
