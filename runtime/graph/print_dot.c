/* graph/print_dot.c - the pen for Graphviz: `weir plan --format dot | dot -Tsvg > plan.svg`.
 *
 * Labels are quoted strings in which dot reads escapes and HTML entities, so '"', '\' and '&' are escaped.
 */
#include "graph/print_internal.h"

static void add_quoted(struct weir_text *text, const char *label)
{
    weir_text_add(text, "\"");
    for (const char *c = label; *c; c++) {
        if (*c == '"' || *c == '\\')
            weir_text_add(text, "\\%c", *c);
        else if (*c == '&')
            weir_text_add(text, "&amp;");
        else if (*c == '\n')
            weir_text_add(text, "\\n");
        else
            weir_text_add_bytes(text, (unsigned char)*c < ' ' ? " " : c, 1);
    }
    weir_text_add(text, "\"");
}

static void begin(struct weir_text *text, const char *title)
{
    weir_text_add(text, "digraph weir {\n    label=");
    add_quoted(text, title);
    weir_text_add(text,
                  ";\n    labelloc=t;\n    rankdir=LR;\n    fontname=\"sans-serif\";\n"
                  "    node [shape=box, fontname=\"sans-serif\"];\n    edge [fontname=\"sans-serif\", fontsize=10];\n");
}

static void open_group(struct weir_text *text, struct weir__name name, const char *label)
{
    weir_text_add(text, "    subgraph cluster_%c%u {\n        label=", name.letter, name.number);
    add_quoted(text, label);
    weir_text_add(text, ";\n        style=\"rounded,filled\";\n        color=gray70;\n        fillcolor=gray96;\n");
}

static void close_group(struct weir_text *text)
{
    weir_text_add(text, "    }\n");
}

static void node(struct weir_text *text, struct weir__name name, enum weir__shape shape, const char *label, int depth)
{
    weir_text_add(text, "%*s%c%u [label=", 4 + 4 * depth, "", name.letter, name.number);
    add_quoted(text, label);
    weir_text_add(text, "%s];\n", shape == WEIR__ROUND ? ", style=rounded" : "");
}

static void edge(struct weir_text *text, struct weir__name from, struct weir__name to, enum weir__line line,
                 const char *label)
{
    weir_text_add(text, "    %c%u -> %c%u", from.letter, from.number, to.letter, to.number);
    if (*label) {
        weir_text_add(text, " [label=");
        add_quoted(text, label);
        weir_text_add(text, "%s]", line == WEIR__THICK ? ", style=bold" : "");
    }
    weir_text_add(text, ";\n");
}

static void end(struct weir_text *text)
{
    weir_text_add(text, "}\n");
}

const struct weir__pen weir__dot_pen = {
    .begin = begin, .open_group = open_group, .close_group = close_group, .node = node, .edge = edge, .end = end};
