/* operator/call_internal.h - the two ways to call a C function for the rows of a batch, shared by call_op.c, call_direct.c
 * and the test that compares them. */
#ifndef WEIR_OPERATOR_CALL_INTERNAL_H
#define WEIR_OPERATOR_CALL_INTERNAL_H

#include "graph/call.h"
#include "operator/ops.h"

typedef void weir__function(void); /* of any type: cast to its own before it is called */

/* Calls the function for the rows picks[0..n), or 0..n-1 where picks is NULL. args[a] and results are arrays by row of what
 * C calls the type: bool is a byte, timestamp an int64_t. */
typedef void weir__call_loop(weir__function *, const void *const *args, const uint32_t *picks, int64_t n, void *results);

/* The loop for this signature, through a function pointer of its type; NULL: there is none, libffi has to do it. */
weir__call_loop *weir__call_direct(const struct weir_call_signature *);

/* What weir_call_op_create makes of functions that are open. release: of an owned string. direct false: always libffi. */
struct weir_op *weir__call_op_make(const struct weir_stream_node *, const struct weir_op_env *, const char *where,
                                   weir__function *, weir__function *release, bool direct, struct weir_error *);

#endif
