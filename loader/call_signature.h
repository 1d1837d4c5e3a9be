/* loader/call_signature.h - the signature of a C function as a manifest writes it: "f64(f64, f64)", "owned string?(string)".
 *
 *   signature = [ "owned" [ "(" function ")" ] ] type "(" [ type { "," type } ] ")"
 *   type      = ( "bool" | "i32" | "i64" | "f32" | "f64" | "timestamp" | "string" ) [ "?" ]
 *
 * "owned" goes with a string result, "?" with strings. docs/guide/calling_c.md says what each type is in C.
 *
 * Floor 4. Any thread.
 */
#ifndef WEIR_LOADER_CALL_SIGNATURE_H
#define WEIR_LOADER_CALL_SIGNATURE_H

#include "expr/expr.h"
#include "graph/call.h"

/* False: the problem says what is wrong and where in the text. The signature is the caller's to finish in either case. */
bool weir_call_signature_parse(const char *text, struct weir_call_signature *, struct weir_expr_problem *);

#endif
