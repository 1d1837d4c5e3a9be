/* expr/compile_internal.h - what turns text into a program shares: tokens, the tree, the table of functions.
 *
 * Everything of a compilation lives in its arena and goes with it; a program copies what it keeps.
 */
#ifndef WEIR_EXPR_COMPILE_INTERNAL_H
#define WEIR_EXPR_COMPILE_INTERNAL_H

#include "expr/expr.h"
#include "expr/run_internal.h"

#define WEIR__MAX_TEXT  65536
#define WEIR__MAX_DEPTH 400
#define WEIR__UNTYPED   ((weir_type)0) /* of the literal null until its surroundings say what it is */

/* ---- tokens --------------------------------------------------------------------------------------------------------- */

enum weir__token_kind {
    WEIR__END,
    WEIR__WORD,
    WEIR__NAME,
    WEIR__STRING,
    WEIR__INTEGER,
    WEIR__DURATION,
    WEIR__FLOAT,
    WEIR__SIGN
};

struct weir__token {
    enum weir__token_kind kind;
    uint32_t offset, length;
    weir_str text;    /* WORD, NAME (in backticks), SIGN: as written; STRING: without quotes, unescaped */
    uint64_t integer; /* INTEGER, DURATION: up to 2^63 */
    double number;    /* FLOAT */
};

/* ---- the tree ------------------------------------------------------------------------------------------------------- */

enum weir__node_kind { WEIR__LITERAL, WEIR__FIELD, WEIR__CALL };

struct weir__node {
    enum weir__node_kind kind;
    uint32_t offset, length; /* in the text */
    uint32_t depth;
    weir_type type;  /* from types.c on */
    bool typed, bad; /* bad: a problem was reported below; says no more */
    bool nullable;
    bool raises;              /* evaluating it may give record errors */
    bool forgiving;           /* try_cast: null instead of an error */
    int32_t reg;              /* program.c: where its value is, or -1 */
    struct weir__value value; /* LITERAL */
    weir_str name;            /* FIELD */
    uint32_t field;
    const struct weir__function *function; /* CALL */
    const struct weir__overload *overload; /* CALL of a plain function */
    struct weir__node **args;
    uint32_t n_args;
};

/* ---- the compilation ------------------------------------------------------------------------------------------------- */

struct weir__block {
    struct weir__block *next;
};

struct weir__compiler {
    const char *text;
    size_t n;
    const struct weir_schema *schema;
    const struct weir_platform *platform;
    struct weir_expr_problems *problems; /* NULL: nobody asks (fold.c tries) */
    size_t n_problems;
    struct weir__block *blocks;
    size_t at;                /* lexer.c: where the next token is looked for */
    struct weir__token token; /* the current one */
    uint32_t end;             /* where the token before it ended */
    uint32_t nesting;         /* parser.c */
};

void *weir__arena(struct weir__compiler *, size_t size);
weir_str weir__arena_text(struct weir__compiler *, const char *p, size_t n); /* NUL-terminated besides */
/* Reports a problem; help may be NULL. Always returns false. */
bool weir__problem(struct weir__compiler *, size_t offset, size_t length, const char *help, const char *format, ...)
    WEIR_PRINTF(5, 6);

bool weir__next(struct weir__compiler *);                /* lexer.c: to the next token; false: a problem was reported */
struct weir__node *weir__parse(struct weir__compiler *); /* the whole text; NULL: a problem was reported */
bool weir__infer_types(struct weir__compiler *, struct weir__node *); /* types.c; false: problems were reported */
struct weir__node *weir__convert(struct weir__compiler *, struct weir__node *,
                                 weir_type); /* an implicit cast, where one is needed */
void weir__fold(struct weir__compiler *, struct weir__node *);
struct weir_expr *weir__emit(struct weir__compiler *, struct weir__node *); /* program.c; NULL: problems were reported */

struct weir__node *weir__call(struct weir__compiler *, const struct weir__function *, uint32_t n_args, size_t offset);
weir_type weir__common_type(weir_type, weir_type); /* UNTYPED: there is none */

/* ---- functions ------------------------------------------------------------------------------------------------------- */

/* How a call is typed and evaluated: plainly (all arguments, one kernel), or in a way of its own. */
enum weir__form {
    WEIR__PLAIN,
    WEIR__AND,
    WEIR__OR,
    WEIR__IS_NULL,
    WEIR__IN,      /* x, then what it may equal */
    WEIR__BETWEEN, /* x, low, high */
    WEIR__CASE,    /* condition, value, condition, value, ..., [else] */
    WEIR__COALESCE,
    WEIR__NULLIF,
    WEIR__CAST /* node->type says to what */
};

enum { WEIR__RAISES = 1, WEIR__GIVES_NULL = 2 };

/* Turns constant arguments into what the kernel needs (a compiled pattern, a time zone); the program destroys it. False: a
 * problem was reported. */
typedef bool weir__prepare(struct weir__compiler *, const struct weir__node *, void **aux, void (**destroy)(void *));

/* Types by letter: b(ool) i(32) l (i64) f(32) d (f64) t(imestamp) s(tring) y (bytes) a(ny); "s*": one or more. */
struct weir__overload {
    const char *args;
    char result;
    uint8_t flags;
    weir__kernel *run;
    weir__prepare *prepare;
};

struct weir__function {
    const char *group, *name, *usage, *doc;
    enum weir__form form;
    bool compares; /* literals narrow to the other side; a bare null is a mistake */
    struct weir__overload overloads[14];
};

const struct weir__function *weir__function_find(const char *name, size_t n); /* letters of any case */
const struct weir__function *weir__function_named(const char *name);          /* asserts that it is there */
const struct weir__overload *weir__overload_of(const struct weir__function *, const char *args);
weir_type weir__type_of_letter(char letter);
char weir__letter_of_type(weir_type);
weir__kernel *weir__cast_kernel(weir_type from, weir_type to, bool *raises); /* NULL: no such cast; kernels_cast.c */

/* The value of a constant text argument. False: a problem was reported, saying what it should be. */
bool weir__constant_text(struct weir__compiler *, const struct weir__node *call, uint32_t arg, const char *what, weir_str *);

weir__prepare weir__prepare_matches, weir__prepare_truncate, weir__prepare_extract, weir__prepare_format,
    weir__prepare_parse;

#endif
