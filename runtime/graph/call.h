/* graph/call.h - a plain C function as a step: the signature that its caller swears it has, and what is passed to it.
 *
 * Floor 2: data, made by loader/call_signature.h and loader/job_call.c, run by operator/call_op.c. How the words of a
 * signature stand for C types is told in docs/guide/calling_c.md.
 */
#ifndef WEIR_GRAPH_CALL_H
#define WEIR_GRAPH_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "data/schema.h"

enum { WEIR_CALL_MAX_PARAMS = 32 };

/* Who frees a string that comes back: nobody, the caller with free(), the caller with a function of the library. */
enum weir_call_owner { WEIR_CALL_BORROWED = 0, WEIR_CALL_OWNED, WEIR_CALL_RELEASED };

struct weir_call_value {
    weir_type type; /* BOOL, I32, I64, F32, F64, TIMESTAMP, STRING */
    bool nullable;  /* STRING only: NULL is null */
};
struct weir_call_signature { /* zeroed is empty */
    struct weir_call_value result, params[WEIR_CALL_MAX_PARAMS];
    uint32_t n_params;
    enum weir_call_owner owner; /* of a STRING result */
    char *release;              /* RELEASED: the function, void (char *) */
};
void weir_call_signature_finish(struct weir_call_signature *);
void weir_text_add_call_signature(struct weir_text *, const struct weir_call_signature *); /* "f64(f64, string?)" */

/* What is passed for one parameter: a field of the input, or an expression over them, of the parameter's very type. */
struct weir_call_argument {
    int32_t field;    /* -1: computed */
    char *expression; /* NULL: a field */
};
struct weir_call_config {
    char *library; /* with a '/': a path; else a name that the system's loader resolves */
    char *function;
    struct weir_call_signature signature;
    struct weir_call_argument *args; /* signature.n_params of them */
    int32_t into;                    /* field of port 0; -1: a filter, whose result says which rows stay */
};
void weir_call_config_finish(struct weir_call_config *); /* zeroed is fine */

#endif
