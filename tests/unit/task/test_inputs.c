/* Two inputs of one operator: what their marks amount to (semantics A4 and A5.7). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "harness/suite.h"
#include "task/inputs.h"

static void add_ready(struct weir_text *text, struct weir_inputs *in)
{
    struct weir_element e;
    while (weir_inputs_next(in, &e)) {
        if (e.kind == WEIR_ELEMENT_WATERMARK && e.value == INT64_MAX)
            weir_text_add(text, "max ");
        else if (e.kind == WEIR_ELEMENT_WATERMARK)
            weir_text_add(text, "%" PRId64 " ", e.value);
        else if (e.kind == WEIR_ELEMENT_IDLE)
            weir_text_add(text, e.value ? "idle " : "active ");
        else
            weir_text_add(text, e.value == WEIR_END_STOPPED ? "stopped " : "end ");
    }
}

/* Words: a5 watermark 5 of input a, aI it is idle, aA active, aM its time ends, aE it ends, aS it was stopped. */
static void expect(const char *words, const char *expected)
{
    struct weir_inputs in;
    struct weir_text found = {0};
    weir_inputs_init(&in, 2);
    for (const char *w = words; *w; w += strcspn(w, " "), w += *w == ' ') {
        struct weir_element e = {.kind = WEIR_ELEMENT_WATERMARK, .value = strtoll(w + 1, NULL, 10)};
        if (w[1] == 'I' || w[1] == 'A') e = (struct weir_element){.kind = WEIR_ELEMENT_IDLE, .value = w[1] == 'I'};
        if (w[1] == 'M') e.value = INT64_MAX;
        if (w[1] == 'E') e = (struct weir_element){.kind = WEIR_ELEMENT_END, .value = WEIR_END_OF_INPUT};
        if (w[1] == 'S') e = (struct weir_element){.kind = WEIR_ELEMENT_END, .value = WEIR_END_STOPPED};
        weir_inputs_mark(&in, (uint32_t)(w[0] - 'a'), &e);
        add_ready(&found, &in);
    }
    if (strcmp(weir_text_get(&found), expected) != 0)
        fprintf(stderr, "\n%s: expected %s, found %s\n", words, expected, weir_text_get(&found));
    CU_ASSERT_STRING_EQUAL(weir_text_get(&found), expected);
    weir_text_finish(&found);
    weir_inputs_finish(&in);
}

static void the_watermark_is_the_minimum(void)
{
    expect("a5 a9", "");
    expect("a5 b3 b7 a8", "3 5 7 ");
    expect("a5 b3 b3 b2", "3 "); /* never back, never twice */
}

static void an_idle_input_does_not_hold_the_others(void)
{
    expect("a5 bI a6", "5 6 ");
    expect("a5 b3 bI", "3 5 ");
    expect("a5 b3 aI bI", "3 5 idle "); /* all idle: the maximum, then the status */
    expect("aI bI bA b4", "idle active 4 ");
    expect("a5 b7 aI bI aA a6 a8", "5 7 idle active 8 ");
}

static void time_ends_when_it_has_ended_on_every_input(void)
{
    expect("a5 b3 bM", "3 5 ");
    expect("aM bM", "max ");
    expect("a5 b3 aI bM", "3 5 idle "); /* an idle one is left: its time has not ended */
    expect("a5 b3 aI bM aA aM", "3 5 idle active max ");
    expect("bM bI bA a4", "4 ");
}

static void the_end_is_that_of_the_last_input(void)
{
    expect("aM aE b1 bM bE", "1 max end ");
    expect("aM aE b1 bS", "1 stopped ");
    expect("aS bM bE", "stopped ");
}

WEIR_SUITE(inputs) = {{"the watermark is the minimum", the_watermark_is_the_minimum},
                      {"an idle input does not hold the others", an_idle_input_does_not_hold_the_others},
                      {"time ends when it has ended on every input", time_ends_when_it_has_ended_on_every_input},
                      {"the end is that of the last input", the_end_is_that_of_the_last_input},
                      {NULL, NULL}};
