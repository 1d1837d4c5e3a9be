/* graph/print_internal.h - what the printers share: the words for edges and nodes, and the pen for diagrams. */
#ifndef WEIR_GRAPH_PRINT_INTERNAL_H
#define WEIR_GRAPH_PRINT_INTERNAL_H

#include "graph/print.h"

/* ---- words (print.c) ----------------------------------------------------------------------------------------------- */

const char *weir__job_name(const struct weir_stream_graph *);  /* "" when it has none */
const char *weir__node_title(const struct weir_stream_node *); /* its title, else the kind */
const char *weir__chain_name(enum weir_chain_strategy);        /* "always", "head", ...: as JSON has it */
const char *weir__chain_words(enum weir_chain_strategy);       /* "starts a new chain", ...; NULL for ALWAYS */

/* "key_by user, item"; "user, item"; "(a: i64)" for the main output, "late(a: i64)" for another; "1 slot", "1,024 slots" */
void weir__add_partition(struct weir_text *, const struct weir_stream_graph *, const struct weir_stream_edge *);
void weir__add_fields(struct weir_text *, const struct weir_schema *, const uint32_t *fields, uint32_t n);
void weir__add_port(struct weir_text *, const struct weir_output_port *);
void weir__add_parallelism(struct weir_text *, const struct weir_stream_node *); /* and whose it is, if not the node's own */
void weir__add_plural(struct weir_text *, uint64_t n, const char *singular, const char *plural);
const struct weir_output_port *weir__port_of(const struct weir_stream_graph *, const struct weir_stream_edge *);

uint64_t weir__edge_channels(const struct weir_job_graph *, uint32_t edge); /* 0 when chained */
uint64_t weir__edge_memory(const struct weir_job_graph *, uint32_t edge);   /* of all its channels */
uint64_t weir__total_memory(const struct weir_job_graph *);

/* ---- text (print_text.c) ------------------------------------------------------------------------------------------- */

void weir__text_stream_graph(struct weir_text *, const struct weir_stream_graph *);
void weir__text_job_graph(struct weir_text *, const struct weir_job_graph *);
void weir__text_execution_graph(struct weir_text *, const struct weir_execution_graph *);

/* ---- JSON (print_json.c) ------------------------------------------------------------------------------------------- */

void weir__json_stream_graph(struct weir_text *, const struct weir_stream_graph *);
void weir__json_job_graph(struct weir_text *, const struct weir_job_graph *);
void weir__json_execution_graph(struct weir_text *, const struct weir_execution_graph *);

/* ---- diagrams (print_diagram.c draws with a pen; print_dot.c and print_mermaid.c are pens) -------------------------- */

enum weir__shape { WEIR__BOX, WEIR__ROUND };
enum weir__line { WEIR__PLAIN, WEIR__THICK };

/* Names are a letter and a number. Labels are any text, '\n' between lines, "" for none: the pen escapes them. Depth is the
 * number of open groups. */
struct weir__name {
    char letter;
    uint32_t number;
};
struct weir__pen {
    void (*begin)(struct weir_text *, const char *title);
    void (*open_group)(struct weir_text *, struct weir__name, const char *label);
    void (*close_group)(struct weir_text *);
    void (*node)(struct weir_text *, struct weir__name, enum weir__shape, const char *label, int depth);
    void (*edge)(struct weir_text *, struct weir__name from, struct weir__name to, enum weir__line, const char *label);
    void (*end)(struct weir_text *);
};
extern const struct weir__pen weir__dot_pen, weir__mermaid_pen;

void weir__draw_stream_graph(struct weir_text *, const struct weir__pen *, const struct weir_stream_graph *);
void weir__draw_job_graph(struct weir_text *, const struct weir__pen *, const struct weir_job_graph *);
void weir__draw_execution_graph(struct weir_text *, const struct weir__pen *, const struct weir_execution_graph *);

#endif
