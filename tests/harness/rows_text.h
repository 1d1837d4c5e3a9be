/* harness/rows_text.h - rows from text and back, so that tests read like tables.
 *
 *   schema "user: string, n: i64?"        rows "1000 | ann, 5\n-    | bob, null\n"
 *
 * A line is the event time in ms ("-": none), then the fields; "null" is a null. No quoting: the texts of tests have no
 * commas in strings.
 */
#ifndef WEIR_HARNESS_ROWS_TEXT_H
#define WEIR_HARNESS_ROWS_TEXT_H

#include "base/text.h"
#include "data/rows.h"
#include "operator/op.h"

struct weir_schema *weir_test_schema(const char *text); /* asserts that it is one */
struct weir_rows *weir_test_rows(struct weir_pool *, struct weir_schema *, const char *text);
/* The same with key hashes and groups of `key_fields`. */
struct weir_rows *weir_test_keyed_rows(struct weir_pool *, struct weir_schema *, const char *text,
                                       const uint32_t *key_fields, uint32_t n_key_fields, uint32_t max_parallelism);
void weir_test_add_rows(struct weir_text *, const struct weir_rows *, struct weir_schema *);

/* Empties an outbox into text: rows as above with "port> " before each line of ports other than 0; "watermark 5", "idle",
 * "active", "end". */
void weir_test_drain(struct weir_text *, struct weir_op *, struct weir_schema *const *port_schemas);

#endif
