/* loader/problems.c - what is wrong with a manifest, collected, and shown with the source line and a caret. */
#include "loader/document.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define SHOWN_COLUMNS 160 /* longer source lines are cut around the place */

static char *format_message(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    WEIR_ASSERT(n >= 0);
    char *message = weir_alloc((size_t)n + 1);
    vsnprintf(message, (size_t)n + 1, format, args);
    return message;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_problem(const struct weir_problem *a, const struct weir_problem *b)
{
    return a->mark.line == b->mark.line && a->mark.column == b->mark.column && same_text(a->mark.origin, b->mark.origin) &&
           same_text(a->message, b->message);
}

static void problem_finish(struct weir_problem *p)
{
    weir_free((char *)p->mark.origin);
    weir_free((char *)p->mark.source_line);
    weir_free(p->message);
    weir_free(p->help);
}

void weir_problems_add(struct weir_problems *problems, const struct weir_mark *mark, const char *help, const char *format,
                       ...)
{
    va_list args;
    va_start(args, format);
    struct weir_problem p = {.message = format_message(format, args), .help = weir_strdup(help)};
    va_end(args);
    if (mark) {
        p.mark = *mark;
        p.mark.origin = weir_strdup(mark->origin);
        if (mark->source_line) p.mark.source_line = weir_strndup(mark->source_line, strcspn(mark->source_line, "\r\n"));
    }
    for (size_t i = 0; i < problems->n; i++) {
        if (same_problem(&problems->problems[i], &p)) {
            problem_finish(&p);
            return;
        }
    }
    WEIR_GROW(problems->problems, problems->capacity, problems->n + 1);
    problems->problems[problems->n++] = p;
}

void weir_problems_finish(struct weir_problems *problems)
{
    for (size_t i = 0; i < problems->n; i++) problem_finish(&problems->problems[i]);
    weir_free(problems->problems);
    memset(problems, 0, sizeof *problems);
}

/* ---- order: by place in the file; what has no place in a file comes after it, as found ------------------------------ */

static bool comes_after(const struct weir_problem *a, const struct weir_problem *b)
{
    if (a->mark.line == 0 || b->mark.line == 0) return a->mark.line == 0 && b->mark.line != 0;
    if (a->mark.line != b->mark.line) return a->mark.line > b->mark.line;
    return a->mark.column > b->mark.column;
}

/* Insertion sort: stable, and there are few. The caller frees. */
static const struct weir_problem **in_order(const struct weir_problems *problems)
{
    const struct weir_problem **order = weir_alloc_array(problems->n + 1, sizeof *order);
    for (size_t i = 0; i < problems->n; i++) {
        size_t at = i;
        for (; at > 0 && comes_after(order[at - 1], &problems->problems[i]); at--) order[at] = order[at - 1];
        order[at] = &problems->problems[i];
    }
    return order;
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

/* The first character to show, 0-based: 0 unless the place lies beyond what is shown. */
static uint32_t first_shown(const struct weir_mark *mark)
{
    return mark->column + mark->length > SHOWN_COLUMNS && mark->column > SHOWN_COLUMNS / 2 ? mark->column - SHOWN_COLUMNS / 2
                                                                                           : 0;
}

static const char *next_character(const char *p)
{
    do p++;
    while (((unsigned char)*p & 0xc0) == 0x80);
    return p;
}

static void add_repeated(struct weir_text *out, const char *what, uint32_t n)
{
    while (n-- > 0) weir_text_add_bytes(out, what, strlen(what));
}

/* The line and the underline beneath it, from character `first` on (0-based). Tabs are kept in both, so that they line up.
 */
static void add_source(struct weir_text *out, const struct weir_mark *mark, uint32_t first)
{
    struct weir_text under = {0};
    const char *p = mark->source_line;
    uint32_t at = 0;
    weir_text_add(out, "%5u | %s", mark->line, first ? "..." : "");
    weir_text_add(&under, "      | %s", first ? "   " : "");
    for (; *p && at < first + SHOWN_COLUMNS; at++) {
        const char *next = next_character(p);
        if (at >= first) {
            bool control = (unsigned char)*p < ' ' && *p != '\t';
            weir_text_add_bytes(out, control ? "?" : p, control ? 1 : (size_t)(next - p));
            if (at + 1 < mark->column) weir_text_add_bytes(&under, *p == '\t' ? "\t" : " ", 1);
        }
        p = next;
    }
    weir_text_add(out, "%s\n", *p ? "..." : "");
    add_repeated(&under, " ", at + 1 < mark->column ? mark->column - at - 1 : 0); /* at the line's end */
    weir_text_add(&under, "^");
    uint32_t end = first + SHOWN_COLUMNS;
    add_repeated(&under, "~", mark->column + mark->length - 1 > end ? end - mark->column : mark->length - 1);
    weir_text_add(out, "%s\n", weir_text_get(&under));
    weir_text_finish(&under);
}

static void add_place(struct weir_text *out, const struct weir_mark *mark)
{
    if (!mark->origin) return;
    weir_text_add(out, "%s:", mark->origin);
    if (mark->line) weir_text_add(out, "%u:%u:", mark->line, mark->column);
    weir_text_add(out, " ");
}

void weir_problems_print(const struct weir_problems *problems, struct weir_text *out)
{
    const struct weir_problem **order = in_order(problems);
    for (size_t i = 0; i < problems->n; i++) {
        const struct weir_mark *mark = &order[i]->mark;
        add_place(out, mark);
        weir_text_add(out, "error: %s\n", order[i]->message);
        if (mark->line && mark->source_line) add_source(out, mark, first_shown(mark));
        if (order[i]->help) weir_text_add(out, "  help: %s\n", order[i]->help);
    }
    weir_free(order);
}

void weir_problems_print_json(const struct weir_problems *problems, struct weir_text *out)
{
    const struct weir_problem **order = in_order(problems);
    weir_text_add(out, "[");
    for (size_t i = 0; i < problems->n; i++) {
        const struct weir_problem *p = order[i];
        weir_text_add(out, "%s\n  {\"origin\": ", i ? "," : "");
        weir_text_add_json(out, p->mark.origin ? p->mark.origin : "");
        weir_text_add(out, ", \"line\": %u, \"column\": %u, \"message\": ", p->mark.line, p->mark.column);
        weir_text_add_json(out, p->message);
        weir_text_add(out, ", \"help\": ");
        if (p->help)
            weir_text_add_json(out, p->help);
        else
            weir_text_add(out, "null");
        weir_text_add(out, "}");
    }
    weir_text_add(out, problems->n ? "\n]\n" : "]\n");
    weir_free(order);
}
