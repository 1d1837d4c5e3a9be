/* graph/print_mermaid.c - the pen for Mermaid flowcharts, which Markdown viewers draw: weir plan --format mermaid.
 *
 * Labels are quoted strings that Mermaid shows as HTML. A quoted string has no escape for '"'; Mermaid's own entities
 * (#quot;, #35;) stand for whatever it, HTML or a %%{directive}%% would read as syntax. Node names never are words of the
 * language ("end").
 */
#include "graph/print_internal.h"

#include <string.h>

static void add_quoted(struct weir_text *text, const char *label)
{
    weir_text_add(text, "\"");
    for (const char *c = label; *c; c++) {
        if (*c == '\n')
            weir_text_add(text, "<br/>");
        else if (strchr("\"#&<>%`\\{}", *c))
            weir_text_add(text, "#%d;", *c);
        else
            weir_text_add_bytes(text, (unsigned char)*c < ' ' ? " " : c, 1);
    }
    weir_text_add(text, "\"");
}

/* A comment: a title would need a front matter block that older viewers refuse. */
static void begin(struct weir_text *text, const char *title)
{
    weir_text_add(text, "flowchart LR\n    %%%% ");
    for (const char *c = title; *c; c++)
        weir_text_add_bytes(text, (unsigned char)*c < ' ' || strchr("%{}", *c) ? " " : c, 1);
    weir_text_add(text, "\n");
}

static void open_group(struct weir_text *text, struct weir__name name, const char *label)
{
    weir_text_add(text, "    subgraph %c%u [", name.letter, name.number);
    add_quoted(text, label);
    weir_text_add(text, "]\n");
}

static void close_group(struct weir_text *text)
{
    weir_text_add(text, "    end\n");
}

static void node(struct weir_text *text, struct weir__name name, enum weir__shape shape, const char *label, int depth)
{
    weir_text_add(text, "%*s%c%u%s", 4 + 4 * depth, "", name.letter, name.number, shape == WEIR__ROUND ? "([" : "[");
    add_quoted(text, label);
    weir_text_add(text, "%s\n", shape == WEIR__ROUND ? "])" : "]");
}

static void edge(struct weir_text *text, struct weir__name from, struct weir__name to, enum weir__line line,
                 const char *label)
{
    weir_text_add(text, "    %c%u %s", from.letter, from.number, line == WEIR__THICK ? "==>" : "-->");
    if (*label) {
        weir_text_add(text, "|");
        add_quoted(text, label);
        weir_text_add(text, "|");
    }
    weir_text_add(text, " %c%u\n", to.letter, to.number);
}

static void end(struct weir_text *text)
{
    (void)text; /* a flowchart ends with its text */
}

const struct weir__pen weir__mermaid_pen = {
    .begin = begin, .open_group = open_group, .close_group = close_group, .node = node, .edge = edge, .end = end};
