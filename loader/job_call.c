/* loader/job_call.c - plain C functions as steps:
 *
 *   map: {call: "libm.so.6:hypot", signature: "f64(f64, f64)", args: [dx, dy], into: distance}
 *   filter: {call: ./libown.so:is_new, signature: "bool(string)", args: [user]}
 *
 * One stream node of kind CALL each. What can be checked is: the types of the arguments against the signature, and that the
 * library and the function are there. Whether the function has that signature cannot be known.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "expr/expr.h"
#include "loader/call_signature.h"
#include "loader/job_internal.h"

struct call {
    struct weir__job *job;
    struct weir__flow *flow;
    const struct weir_value *value; /* the mapping */
    struct weir_stream_node *node;
    struct weir_call_config *config;
    bool is_filter, signed_, bound; /* the signature is known; so are the arguments */
    bool null_in;                   /* an argument may be null where the function takes none */
};

bool weir__is_call(const struct weir_value *step)
{
    const struct weir_value *call = weir_value_get(step, "call");
    return (call && call->kind != WEIR_VALUE_MAPPING) || weir_value_get(step, "signature");
}

/* ---- which function --------------------------------------------------------------------------------------------------- */

static bool is_identifier(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n > 0 && text[n] == '\0' && !(text[0] >= '0' && text[0] <= '9');
}

/* A path is relative to the manifest's folder; what has no '/' is the business of the system's loader. */
static char *library_of(const struct call *c, const struct weir_value *value, const char *name)
{
    if (!strchr(name, '/') || value->from_here) return weir_strdup(name);
    char *path = weir_path_join(weir_document_base_dir(c->job->document), name);
    if (strchr(path, '/')) return path;
    char *with_slash = weir_format("./%s", path);
    weir_free(path);
    return with_slash;
}

/* False after a problem. */
static bool read_function(struct call *c)
{
    const struct weir_value *value = weir_value_get(c->value, "call");
    const char *text;
    if (!value) {
        weir__say(c->job, c->value, weir_strdup("call: \"libm.so.6:hypot\""), "'call' is missing: which function is it?");
        return false;
    }
    if (!weir__read_text(c->job, value, "call", &text)) return false;
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !is_identifier(colon + 1)) {
        weir__say(c->job, value, weir_strdup("write LIBRARY:FUNCTION, as in libm.so.6:hypot or ./libown.so:score"),
                  "'%s' names no function of a library", text);
        return false;
    }
    char *name = weir_strndup(text, (size_t)(colon - text));
    c->config->library = library_of(c, value, name);
    c->config->function = weir_strdup(colon + 1);
    weir_free(name);
    return true;
}

static void read_signature(struct call *c)
{
    const struct weir_value *value = weir_value_get(c->value, "signature");
    struct weir_expr_problem problem;
    const char *text;
    if (!value) {
        weir__say(c->job, c->value, weir_strdup("signature: \"f64(f64, f64)\": the types of its result and its parameters"),
                  "'signature' is missing: weir cannot know what the function takes");
    } else if (weir__read_text(c->job, value, "signature", &text)) {
        c->signed_ = weir_call_signature_parse(text, &c->config->signature, &problem);
        if (!c->signed_) weir__say_problem(c->job, value, text, &problem);
    }
    if (!c->signed_) { /* what was read so far counts for nothing */
        weir_call_signature_finish(&c->config->signature);
    } else if (c->is_filter && c->config->signature.result.type != WEIR_BOOL) {
        weir__say(c->job, value, weir_strdup("wrap it in a function of your own, or use it in a map"),
                  "a filter needs a function that returns bool, this one returns %s",
                  weir_type_name(c->config->signature.result.type));
    }
}

static void find_function(struct call *c, const struct weir_value *value)
{
    struct weir_error error;
    size_t before = c->job->problems->n;
    if (weir_registry_check_function(c->job->registry, c->config->library, c->config->function, c->config->signature.release,
                                     &error) == WEIR_OK)
        return;
    weir__say(c->job, value, NULL, "%s", error.text);
    c->job->plugin_problems += c->job->problems->n - before;
}

/* ---- arguments -------------------------------------------------------------------------------------------------------- */

/* As in expressions: i32 becomes i64 and f64, f32 becomes f64; a constant becomes any number.
 * One that does not fit is a record error, as in the expression that it becomes. */
static bool converts(weir_type from, weir_type to, bool constant)
{
    if (constant && weir_type_is_number(from) && weir_type_is_number(to)) return true;
    return (from == WEIR_I32 && (to == WEIR_I64 || to == WEIR_F64)) || (from == WEIR_F32 && to == WEIR_F64);
}

static bool is_constant(const char *text, const struct weir_schema *schema)
{
    struct weir_expr_problems problems = {0};
    struct weir_expr *e = weir_expr_compile(text, strlen(text), schema, NULL, &problems);
    uint32_t n = 1;
    if (e) (void)weir_expr_fields(e, &n);
    weir_expr_problems_finish(&problems);
    weir_expr_destroy(e);
    return n == 0;
}

static void say_wrong_type(struct call *c, const struct weir_value *at, uint32_t i, weir_type type)
{
    const char *wanted = weir_type_name(c->config->signature.params[i].type);
    weir__say(c->job, at, weir_format("cast(%s as %s), if that is meant", at->text, wanted),
              "parameter %u of '%s' is %s, this is %s", i + 1, c->config->function ? c->config->function : "?", wanted,
              weir_type_name(type));
}

/* The text that gives the argument its parameter's type; NULL: it cannot. */
static char *converted(struct call *c, const struct weir_value *at, const char *text, uint32_t i, weir_type type)
{
    weir_type to = c->config->signature.params[i].type, ignored;
    bool nullable;
    if (type == to) return weir_strdup(text);
    if (!converts(type, to, is_constant(text, c->flow->schema))) {
        say_wrong_type(c, at, i, type);
        return NULL;
    }
    char *cast = weir_format("cast(%s as %s)", text, weir_type_name(to));
    if (weir__check_expression(c->job, at, cast, c->flow->schema, &ignored, &nullable)) return cast;
    weir_free(cast);
    return NULL;
}

static bool bind(struct call *c, const struct weir_value *at, uint32_t i)
{
    struct weir_call_argument *arg = &c->config->args[i];
    const char *text;
    weir_type type;
    bool nullable;
    if (!weir__read_text(c->job, at, "args", &text) ||
        !weir__check_expression(c->job, at, text, c->flow->schema, &type, &nullable))
        return false;
    c->null_in |= nullable && !c->config->signature.params[i].nullable;
    arg->field = weir_schema_find(c->flow->schema, text);
    if (arg->field >= 0 && type == c->config->signature.params[i].type) return true;
    arg->field = -1;
    arg->expression = converted(c, at, text, i, type);
    return arg->expression != NULL;
}

static void bind_all(struct call *c)
{
    const struct weir_value *args = weir_value_get(c->value, "args");
    const struct weir_value *one = args, *const *items = &one;
    size_t n = args && args->kind != WEIR_VALUE_NULL;
    if (args && args->kind == WEIR_VALUE_SEQUENCE) {
        items = (const struct weir_value *const *)args->items;
        n = args->n;
    }
    if (!c->signed_) return;
    uint32_t wanted = c->config->signature.n_params;
    c->config->args = weir_alloc_array(wanted + 1, sizeof *c->config->args);
    c->bound = n == wanted && c->flow->schema;
    if (n != wanted) {
        weir__say(c->job, args ? args : c->value,
                  weir_strdup("args: a list of fields or expressions, one for each parameter"),
                  "the function takes %u argument%s, found %zu", wanted, wanted == 1 ? "" : "s", n);
        return;
    }
    for (uint32_t i = 0; i < wanted; i++) c->bound &= bind(c, items[i], i);
}

/* ---- what comes out --------------------------------------------------------------------------------------------------- */

/* The fields that come in, and the result as a new one or in the place of one. */
static struct weir_schema *with_result(struct call *c, const char *name)
{
    const struct weir_call_value *result = &c->config->signature.result;
    bool nullable = result->nullable || c->null_in;
    struct weir_schema_builder fields = {0};
    uint32_t n = weir_schema_count(c->flow->schema);
    int32_t at = weir_schema_find(c->flow->schema, name);
    for (uint32_t i = 0; i < n; i++) {
        const weir_schema_field *f = weir_schema_field_at(c->flow->schema, i);
        bool replaced = at == (int32_t)i;
        weir_schema_builder_add(&fields, f->name, replaced ? result->type : (weir_type)f->type,
                                replaced ? nullable : f->nullable);
    }
    if (at < 0) weir_schema_builder_add(&fields, name, result->type, nullable);
    c->config->into = at < 0 ? (int32_t)n : at;
    return weir_schema_build(&fields);
}

/* NULL after a problem, or when something it needs is unknown. */
static struct weir_schema *read_into(struct call *c)
{
    const struct weir_value *value = weir_value_get(c->value, "into");
    if (c->is_filter) {
        const struct weir_value *key = weir_value_key(c->value, "into");
        if (key) weir__say(c->job, key, NULL, "a filter keeps records as they are: 'into' does not belong here");
        c->config->into = -1;
        return c->flow->schema ? weir_schema_retain(c->flow->schema) : NULL;
    }
    if (!value) {
        weir__say(c->job, c->value, weir_strdup("into: FIELD: a new field, or one to replace"),
                  "'into' is missing: where does the result go?");
        return NULL;
    }
    if (!weir__check_field_name(c->job, value) || !c->signed_ || !c->bound) return NULL;
    return with_result(c, value->text);
}

static void check_shape(struct call *c, const char *step)
{
    static const char *const keys[] = {"call", "signature", "args", "into", "blocking", NULL};
    weir__check_keys(c->job, c->value, keys, NULL);
    if (!c->is_filter && strcmp(step, "map") != 0)
        weir__say(c->job, weir_value_key(c->flow->node->value, step),
                  weir_strdup("write map: {call: ...}; whatever gives several records or keeps state is a plugin"),
                  "a C function is a map or a filter, not a %s", step);
}

static char *title_of(const struct call *c, const char *step)
{
    if (!c->config->library) return weir_format("%s ?", step);
    return weir_format("%s %s of %s", step, c->config->function, weir_path_basename(c->config->library));
}

void weir__build_call(struct weir__job *job, struct weir__flow *flow, const char *step, const struct weir_value *value)
{
    struct call c = {.job = job, .flow = flow, .value = value, .is_filter = strcmp(step, "filter") == 0};
    const struct weir_value *blocking = weir_value_get(value, "blocking");
    c.node = weir__attach(job, flow, WEIR_NODE_CALL, step, weir_value_key(flow->node->value, step));
    c.config = &c.node->call;
    check_shape(&c, step);
    bool named = read_function(&c);
    read_signature(&c);
    if (named) find_function(&c, weir_value_get(value, "call"));
    bind_all(&c);
    struct weir_schema *out = read_into(&c);
    if (blocking) (void)weir__read_bool(job, blocking, "blocking", &c.node->blocking);
    c.node->title = title_of(&c, step);
    weir__set_output(c.node, "", out);
    weir__read_errors(job, flow, c.node);
    weir__flow_becomes(flow, out);
}
