/* A host for one component: see mock_host.h. Services a source, sink or format has no business with (keys, state, timers)
 * are left NULL, so that a call of one ends the test at once. */
#include "harness/mock_host.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/text.h>

#define MAX_POLLS 10000000

static struct mock_host *host_of(weir_ctx *cx)
{
    return cx->host_data;
}

struct mock_machine *mock_machine_of(weir_ctx *cx)
{
    return host_of(cx)->machine;
}

/* ---- options and nested components -------------------------------------------------------------------------- */

struct mock_part {
    const weir_component *component;
    void *self;
    bool *set;                 /* by option */
    struct mock_part **nested; /* by option */
};

static const weir_option *option_at(const weir_component *c, uint32_t i)
{
    return (const weir_option *)(const void *)((const char *)c->options + (size_t)i * c->option_stride);
}

static struct mock_part *part_create(const weir_component *c)
{
    struct mock_part *p = calloc(1, sizeof *p);
    p->component = c;
    p->self = aligned_alloc(64, (c->instance_size + 63) / 64 * 64 + 64);
    memset(p->self, 0, c->instance_size);
    p->set = calloc(c->n_options + 1, sizeof *p->set);
    p->nested = calloc(c->n_options + 1, sizeof(struct mock_part *));
    return p;
}

static void part_destroy(struct mock_part *p)
{
    for (uint32_t i = 0; i < p->component->n_options; i++) {
        const weir_option *o = option_at(p->component, i);
        void *at = (char *)p->self + o->offset;
        if (p->nested[i]) part_destroy(p->nested[i]);
        if (o->type == WEIR_OPT_STRING || o->type == WEIR_OPT_SECRET) free(*(char **)at);
        if (o->type == WEIR_OPT_LIST) {
            weir_strings *list = at;
            for (size_t k = 0; k < list->n; k++) free((char *)(uintptr_t)list->items[k]);
            free((void *)(uintptr_t)list->items);
        }
    }
    free(p->self);
    free(p->set);
    free(p->nested);
    free(p);
}

static const weir_component *known(struct mock_host *h, const char *id)
{
    for (const weir_component *const *c = h->config.known; c && *c; c++) {
        if (strcmp((*c)->id, id) == 0) return *c;
    }
    CU_FAIL_FATAL("a nested component that the test does not know");
    return NULL;
}

static void store_list(weir_strings *list, const char *text)
{
    char **items = NULL;
    size_t n = 0;
    for (const char *p = text; p; n++) {
        const char *end = strchr(p, '\n');
        items = realloc(items, (n + 1) * sizeof(char *));
        items[n] = end ? strndup(p, (size_t)(end - p)) : strdup(p);
        p = end ? end + 1 : NULL;
    }
    list->items = (const char *const *)items;
    list->n = n;
}

static int32_t choice_of(const weir_option *o, const char *text)
{
    for (int32_t i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0) return i;
    }
    CU_FAIL_FATAL("not a choice of the option");
    return -1;
}

/* Of the input, which has all fields as they are. */
static int32_t field_of(const struct mock_host *h, const char *name)
{
    const char *at = strstr(h->config.input, name);
    int32_t column = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    for (const char *p = h->config.input; p < at; p++) column += *p == ',';
    return column;
}

static void store(struct mock_host *h, struct mock_part *p, uint32_t i, const char *text)
{
    const weir_option *o = option_at(p->component, i);
    void *at = (char *)p->self + o->offset;
    struct weir_error e = {0};
    weir_status s = WEIR_OK;
    switch (o->type) {
    case WEIR_OPT_BOOL: s = weir_parse_bool(text, at, &e); break;
    case WEIR_OPT_I64: s = weir_parse_i64(text, at, &e); break;
    case WEIR_OPT_F64: s = weir_parse_f64(text, at, &e); break;
    case WEIR_OPT_DURATION: s = weir_parse_duration(text, at, &e); break;
    case WEIR_OPT_SIZE: s = weir_parse_size(text, at, &e); break;
    case WEIR_OPT_ENUM: *(int32_t *)at = choice_of(o, text); break;
    case WEIR_OPT_LIST: store_list(at, text); break;
    case WEIR_OPT_FIELD: *(int32_t *)at = field_of(h, text); break;
    case WEIR_OPT_STRING:
    case WEIR_OPT_SECRET:
        free(*(char **)at);
        *(char **)at = strdup(text);
        break;
    case WEIR_OPT_COMPONENT:
        if (p->nested[i]) part_destroy(p->nested[i]);
        p->nested[i] = part_create(known(h, text));
        *(weir_part *)at = (weir_part){p->nested[i]->component, p->nested[i]->component->vtable, p->nested[i]->self, NULL};
        break;
    default: CU_FAIL_FATAL("an option type that the mock host does not know"); break;
    }
    if (s != WEIR_OK) {
        fprintf(stderr, "\noption '%s': %s\n", o->name, e.text);
        CU_FAIL_FATAL("an option's text does not parse");
    }
    p->set[i] = true;
}

static void set_in(struct mock_host *h, struct mock_part *p, const char *option, const char *value)
{
    const char *dot = strchr(option, '.');
    size_t n = dot ? (size_t)(dot - option) : strlen(option);
    for (uint32_t i = 0; i < p->component->n_options; i++) {
        const weir_option *o = option_at(p->component, i);
        if (strlen(o->name) != n || memcmp(o->name, option, n) != 0) continue;
        if (!dot) {
            store(h, p, i, value);
            return;
        }
        if (!p->nested[i]) store(h, p, i, o->def);
        set_in(h, p->nested[i], dot + 1, value);
        return;
    }
    fprintf(stderr, "\nno option '%s'\n", option);
    CU_FAIL_FATAL("an option that the component does not declare");
}

static void set_defaults(struct mock_host *h, struct mock_part *p)
{
    for (uint32_t i = 0; i < p->component->n_options; i++) {
        const weir_option *o = option_at(p->component, i);
        if (!p->set[i] && o->def) store(h, p, i, o->def);
        if (!p->set[i] && o->type == WEIR_OPT_FIELD) *(int32_t *)(void *)((char *)p->self + o->offset) = -1;
        if (!p->set[i] && !(o->flags & WEIR_OPTIONAL)) {
            fprintf(stderr, "\noption '%s' is required\n", o->name);
            CU_FAIL_FATAL("a required option is missing");
        }
        if (p->nested[i]) set_defaults(h, p->nested[i]);
    }
}

void mock_set(struct mock_host *h, const char *option, const char *value)
{
    set_in(h, h->part, option, value);
}

/* ---- schemas ------------------------------------------------------------------------------------------------ */

static struct mock_part *nested_by_name(struct mock_part *p, const char *option)
{
    for (uint32_t i = 0; i < p->component->n_options; i++) {
        if (strcmp(option_at(p->component, i)->name, option) == 0) return p->nested[i];
    }
    return NULL;
}

static const char *string_option(struct mock_part *p, const char *option)
{
    for (uint32_t i = 0; i < p->component->n_options; i++) {
        const weir_option *o = option_at(p->component, i);
        if (strcmp(o->name, option) == 0) return *(const char **)(void *)((char *)p->self + o->offset);
    }
    return "?";
}

static void add_fields(struct mock_host *h, struct weir_schema_builder *b, struct mock_part *p, const char *text)
{
    struct weir_schema_text schema = {0};
    struct weir_error e = {0};
    if (weir_schema_text_parse(text, true, &schema, &e) != WEIR_OK) {
        fprintf(stderr, "\nschema '%s': %s\n", text, e.text);
        CU_FAIL_FATAL("a schema text does not parse");
    }
    for (size_t i = 0; i < schema.n; i++) {
        const struct weir_item *item = &schema.items[i];
        if (item->kind == WEIR_ITEM_FIELD) {
            CU_ASSERT_EQUAL(item->type_kind, WEIR_ITEM_PLAIN);
            weir_schema_builder_add(b, item->name ? item->name : string_option(p, item->name_option), item->type,
                                    item->nullable);
        } else if (item->kind == WEIR_ITEM_SCHEMA) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(h->config.schema);
            add_fields(h, b, p, h->config.schema);
        } else if (item->kind == WEIR_ITEM_OPTION) {
            struct mock_part *nested = nested_by_name(p, item->name);
            CU_ASSERT_PTR_NOT_NULL_FATAL(nested);
            add_fields(h, b, nested, nested->component->out);
        } else {
            CU_FAIL_FATAL("the mock host has no such schema item");
        }
    }
    weir_schema_text_finish(&schema);
}

static struct weir_schema *schema_of(struct mock_host *h, struct mock_part *p, const char *text)
{
    struct weir_schema_builder b = {0};
    add_fields(h, &b, p, text);
    return weir_schema_build(&b);
}

/* ---- output ------------------------------------------------------------------------------------------------- */

static void render_cell(struct weir_text *to, weir_row row, uint32_t c)
{
    char number[WEIR_TEXT_MAX];
    if (weir_null(row, c)) {
        weir_text_add_bytes(to, "~", 1);
        return;
    }
    switch (row.batch->columns[c].type) {
    case WEIR_BOOL: weir_text_add(to, "%s", weir_bool(row, c) ? "true" : "false"); break;
    case WEIR_I32: weir_text_add(to, "%d", weir_i32(row, c)); break;
    case WEIR_I64:
    case WEIR_TIMESTAMP: weir_text_add(to, "%lld", (long long)weir_i64(row, c)); break;
    case WEIR_F32: weir_text_add_bytes(to, number, weir_text_from_f32(number, weir_f32(row, c))); break;
    case WEIR_F64: weir_text_add_bytes(to, number, weir_text_from_f64(number, weir_f64(row, c))); break;
    case WEIR_STRING: {
        weir_str s = weir_text(row, c);
        CU_ASSERT_TRUE(weir_is_utf8(s.p, s.n));
        weir_text_add_bytes(to, s.p, s.n);
        break;
    }
    default: {
        weir_str s = weir_text(row, c);
        for (size_t i = 0; i < s.n; i++) weir_text_add(to, "%02x", (unsigned char)s.p[i]);
    }
    }
}

static void render(struct mock_host *h, const weir_batch *batch)
{
    for (int64_t i = 0; i < batch->length; i++) {
        for (uint32_t c = 0; c < batch->n_columns; c++) {
            if (c) weir_text_add_bytes(&h->rows, "|", 1);
            render_cell(&h->rows, (weir_row){batch, i}, c);
        }
        weir_text_add_bytes(&h->rows, "\n", 1);
        if (batch->time[i] == WEIR_NO_TIME) weir_text_add_bytes(&h->times, "-\n", 2);
        else weir_text_add(&h->times, "%lld\n", (long long)batch->time[i]);
    }
    h->n_rows += batch->length;
}

static weir_status take(struct mock_host *h)
{
    const uint32_t *origin;
    int32_t forgotten = -1;
    if (!h->has_output || h->builder.out.length == 0) return WEIR_OK;
    struct weir_rows *rows = weir_builder_take(&h->builder, 0, &origin, &forgotten);
    CU_ASSERT_EQUAL(forgotten, -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    render(h, &rows->view);
    weir_rows_release(rows);
    return WEIR_OK;
}

void mock_settle(struct mock_host *h)
{
    (void)take(h);
    for (size_t i = 0; i < h->n_scratch; i++) free(h->scratch[i]);
    h->n_scratch = 0;
    h->cx.full = 0;
}

const char *mock_rows(struct mock_host *h)
{
    mock_settle(h);
    return weir_text_get(&h->rows);
}

void mock_forget_rows(struct mock_host *h)
{
    mock_settle(h);
    weir_text_finish(&h->rows);
    weir_text_finish(&h->times);
    h->n_rows = 0;
}

/* ---- services ----------------------------------------------------------------------------------------------- */

static void *svc_alloc(weir_ctx *cx, size_t size)
{
    host_of(cx)->live_allocations++;
    return calloc(1, size ? size : 1);
}
static void *svc_resize(weir_ctx *cx, void *p, size_t size)
{
    if (!p) host_of(cx)->live_allocations++;
    return realloc(p, size ? size : 1);
}
static void svc_release(weir_ctx *cx, void *p)
{
    if (p) host_of(cx)->live_allocations--;
    free(p);
}
static void *svc_scratch(weir_ctx *cx, size_t size)
{
    struct mock_host *h = host_of(cx);
    h->scratch = realloc(h->scratch, (h->n_scratch + 1) * sizeof(void *));
    return h->scratch[h->n_scratch++] = calloc(1, size ? size : 1);
}

static weir_status svc_blob_reserve(weir_ctx *cx, weir_blob *b, size_t more)
{
    b->capacity = b->length + more + 16;
    b->data = svc_resize(cx, b->data, b->capacity);
    return WEIR_OK;
}

static weir_status svc_fail(weir_ctx *cx, weir_status status, const char *format, ...)
{
    struct mock_host *h = host_of(cx);
    char message[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    weir_text_finish(&h->failure);
    weir_text_add(&h->failure, "%s", message);
    CU_ASSERT_TRUE(status < 0);
    return h->failed = status;
}

static void svc_log(weir_ctx *cx, int level, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    weir_text_add(&host_of(cx)->logs, "%d %s\n", level, message);
}

static weir_status svc_flush(weir_ctx *cx, uint32_t port)
{
    CU_ASSERT_EQUAL(port, 0);
    cx->full = 1;
    return take(host_of(cx));
}
static weir_status svc_reserve_bytes(weir_ctx *cx, uint32_t port, uint32_t column, size_t more)
{
    CU_ASSERT_EQUAL(port, 0);
    return weir_builder_reserve_bytes(&host_of(cx)->builder, column, more);
}

static struct mock_split *split_of(struct mock_host *h, uint64_t id)
{
    for (size_t i = 0; i < h->n_splits; i++) {
        if (h->splits[i].id == id) return &h->splits[i];
    }
    CU_FAIL_FATAL("a split that was not discovered");
    return NULL;
}
static weir_status svc_split_begin(weir_ctx *cx, uint64_t split)
{
    struct mock_host *h = host_of(cx);
    CU_ASSERT_FALSE(split_of(h, split)->done);
    split_of(h, split)->begun = true;
    h->split = split;
    return WEIR_OK;
}
static weir_status svc_split_mark(weir_ctx *cx, uint64_t split, int64_t watermark)
{
    (void)watermark;
    split_of(host_of(cx), split);
    return WEIR_OK;
}
static weir_status svc_split_idle(weir_ctx *cx, uint64_t split, bool idle)
{
    (void)idle;
    split_of(host_of(cx), split);
    return WEIR_OK;
}
static weir_status svc_split_done(weir_ctx *cx, uint64_t split)
{
    CU_ASSERT_FALSE(split_of(host_of(cx), split)->done);
    split_of(host_of(cx), split)->done = true;
    return WEIR_OK;
}
static void svc_wake(weir_ctx *cx)
{
    host_of(cx)->wakes++;
}

static weir_status svc_reject(weir_ctx *cx, weir_str raw, const char *file, int64_t offset, const char *format, ...)
{
    struct mock_host *h = host_of(cx);
    char reason[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    weir_text_add(&h->rejects, "%s:%lld: %s [", file, (long long)offset, reason);
    weir_text_add_bytes(&h->rejects, raw.p, raw.n);
    weir_text_add(&h->rejects, "]\n");
    h->n_rejects++;
    if (h->config.on_reject != WEIR_OK) svc_fail(cx, h->config.on_reject, "%s", reason);
    return h->config.on_reject;
}

static const weir_info *svc_info(weir_ctx *cx)
{
    return &host_of(cx)->info;
}
static const weir_schema_view *svc_input_schema(weir_ctx *cx, uint32_t port)
{
    return port == 0 && host_of(cx)->in_schema ? weir_schema_view_of(host_of(cx)->in_schema) : NULL;
}
static const weir_schema_view *svc_output_schema(weir_ctx *cx, uint32_t port)
{
    return port == 0 && host_of(cx)->out_schema ? weir_schema_view_of(host_of(cx)->out_schema) : NULL;
}
static int64_t svc_now(weir_ctx *cx)
{
    return host_of(cx)->machine->wall_ms;
}
static const void *svc_extension(weir_ctx *cx, const char *id)
{
    if (strcmp(id, WEIR_METRICS) == 0) return host_of(cx)->config.no_metrics ? NULL : mock_metrics();
    return strcmp(id, WEIR_IO) == 0 ? &mock_io : NULL;
}

static const weir_host services = {
    .struct_size = sizeof(weir_host),
    .abi_major = WEIR_ABI_MAJOR,
    .abi_minor = WEIR_ABI_NEWEST,
    .alloc = svc_alloc,
    .resize = svc_resize,
    .release = svc_release,
    .scratch = svc_scratch,
    .blob_reserve = svc_blob_reserve,
    .fail = svc_fail,
    .log = svc_log,
    .flush = svc_flush,
    .reserve_bytes = svc_reserve_bytes,
    .split_begin = svc_split_begin,
    .split_watermark = svc_split_mark,
    .split_idle = svc_split_idle,
    .split_done = svc_split_done,
    .wake = svc_wake,
    .reject = svc_reject,
    .now = svc_now,
    .info = svc_info,
    .input_schema = svc_input_schema,
    .output_schema = svc_output_schema,
    .extension = svc_extension,
};

/* ---- life --------------------------------------------------------------------------------------------------- */

const weir_component *mock_component(const weir_plugin *plugin, const char *id)
{
    for (const weir_component *const *c = plugin->components; *c; c++) {
        if (strcmp((*c)->id, id) == 0) return *c;
    }
    CU_FAIL_FATAL("the plugin has no such component");
    return NULL;
}

struct mock_host *mock_host_create(const struct mock_host_config *config)
{
    struct mock_host *h = calloc(1, sizeof *h);
    h->config = *config;
    h->machine = config->machine ? config->machine : mock_machine_create();
    h->owns_machine = !config->machine;
    h->outs[0] = &h->builder.out;
    h->cx = (weir_ctx){.host = &services, .out = h->outs, .host_data = h};
    h->info = (weir_info){.struct_size = sizeof(weir_info), .subtask = config->subtask, .max_parallelism = 128,
                          .parallelism = config->parallelism ? config->parallelism : 1,
                          .flags = config->checkpoints ? WEIR_JOB_CHECKPOINTS : 0,
                          .job = "job", .node = "node", .base_dir = "/base"};
    h->part = part_create(config->component);
    return h;
}

void mock_start(struct mock_host *h)
{
    struct weir_error e = {0};
    uint32_t kind = h->config.component->kind;
    if (h->started) return;
    h->started = true;
    set_defaults(h, h->part);
    if (h->config.input) h->in_schema = schema_of(h, h->part, h->config.input);
    h->has_output = kind == WEIR_SOURCE || kind == WEIR_DECODER;
    if (!h->has_output) return;
    h->out_schema = schema_of(h, h->part, h->config.component->out);
    int64_t capacity = h->config.batch_rows ? h->config.batch_rows : 1024;
    weir_status s = weir_builder_init(&h->builder, NULL, h->out_schema, NULL, 0, capacity, true, false, &e);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
}

void *mock_self(struct mock_host *h)
{
    mock_start(h);
    return h->part->self;
}

const void *mock_vtable(struct mock_host *h)
{
    return h->config.component->vtable;
}

void mock_host_destroy(struct mock_host *h)
{
    mock_close(h);
    mock_settle(h);
    CU_ASSERT_EQUAL(h->live_allocations, 0);
    if (h->has_output) weir_builder_finish(&h->builder);
    weir_schema_release(h->out_schema);
    weir_schema_release(h->in_schema);
    part_destroy(h->part);
    for (size_t i = 0; i < h->n_splits; i++) free(h->splits[i].description);
    free(h->splits);
    free(h->scratch);
    mock_free_metrics(h);
    weir_text_finish(&h->rows);
    weir_text_finish(&h->times);
    weir_text_finish(&h->rejects);
    weir_text_finish(&h->logs);
    weir_text_finish(&h->failure);
    weir_text_finish(&h->encoded);
    if (h->owns_machine) mock_machine_destroy(h->machine);
    free(h);
}

weir_status mock_open(struct mock_host *h)
{
    weir_status (*open)(void *, weir_ctx *) = NULL;
    mock_start(h);
    if (h->opened) return WEIR_OK;
    switch (h->config.component->kind) {
    case WEIR_SOURCE: open = ((const weir_source *)mock_vtable(h))->open; break;
    case WEIR_DECODER: open = ((const weir_decoder *)mock_vtable(h))->open; break;
    case WEIR_ENCODER: open = ((const weir_encoder *)mock_vtable(h))->open; break;
    case WEIR_SINK: open = ((const weir_sink *)mock_vtable(h))->open; break;
    default: CU_FAIL_FATAL("a kind that the mock host does not run");
    }
    h->opened = true;
    weir_status s = open ? open(mock_self(h), &h->cx) : WEIR_OK;
    mock_settle(h);
    return s;
}

void mock_close(struct mock_host *h)
{
    void (*close)(void *, weir_ctx *) = NULL;
    if (!h->opened) return;
    h->opened = false;
    switch (h->config.component->kind) {
    case WEIR_SOURCE: close = ((const weir_source *)mock_vtable(h))->close; break;
    case WEIR_DECODER: close = ((const weir_decoder *)mock_vtable(h))->close; break;
    case WEIR_ENCODER: close = ((const weir_encoder *)mock_vtable(h))->close; break;
    default: close = ((const weir_sink *)mock_vtable(h))->close; break;
    }
    if (close) close(mock_self(h), &h->cx);
}

/* ---- sources ------------------------------------------------------------------------------------------------ */

static weir_status keep_split(void *to, const weir_split *split)
{
    struct mock_host *h = to;
    for (size_t i = 0; i < h->n_splits; i++) CU_ASSERT_NOT_EQUAL(h->splits[i].id, split->id);
    h->splits = realloc(h->splits, (h->n_splits + 1) * sizeof *h->splits);
    h->splits[h->n_splits++] =
        (struct mock_split){split->id, strndup(split->description.p, split->description.n), false, false};
    return WEIR_OK;
}

/* As the coordinator does: on an instance of its own, with the same options, that is never opened. */
weir_status mock_discover(struct mock_host *h)
{
    const weir_source *source = mock_vtable(h);
    int64_t live = h->live_allocations;
    size_t size = h->config.component->instance_size;
    mock_start(h);
    void *copy = aligned_alloc(64, (size + 63) / 64 * 64 + 64);
    memcpy(copy, mock_self(h), size);
    weir_status s = source->discover(copy, &h->cx, keep_split, h);
    free(copy);
    CU_ASSERT_EQUAL(h->live_allocations, live);
    mock_settle(h);
    return s;
}

weir_status mock_add_split(struct mock_host *h, size_t i, const void *position, size_t n)
{
    weir_str text = {h->splits[i].description, strlen(h->splits[i].description)};
    weir_split split = {.struct_size = sizeof split, .id = h->splits[i].id, .description = text};
    weir_status s = ((const weir_source *)mock_vtable(h))->add_split(mock_self(h), &h->cx, &split, position, n);
    mock_settle(h);
    return s;
}

weir_progress mock_poll(struct mock_host *h, int64_t max_rows)
{
    weir_progress p = ((const weir_source *)mock_vtable(h))->poll(mock_self(h), &h->cx, max_rows);
    if (p == WEIR_FAILED) CU_ASSERT_NOT_EQUAL(h->failed, WEIR_OK);
    mock_settle(h);
    return p;
}

weir_progress mock_run_source(struct mock_host *h, int64_t max_rows)
{
    if (mock_discover(h) != WEIR_OK || mock_open(h) != WEIR_OK) return WEIR_FAILED;
    for (size_t i = 0; i < h->n_splits; i++) {
        if (i % h->info.parallelism == h->info.subtask && mock_add_split(h, i, NULL, 0) != WEIR_OK) return WEIR_FAILED;
    }
    for (int64_t polls = 0; polls < MAX_POLLS; polls++) {
        weir_progress p = mock_poll(h, max_rows);
        if (p == WEIR_DONE || p == WEIR_FAILED) return p;
        if (p == WEIR_NONE) {
            h->machine->monotonic_ns += 1000000;
            h->machine->wall_ms += 1;
        }
    }
    CU_FAIL("the source does not end");
    return WEIR_NONE;
}

/* ---- decoders ----------------------------------------------------------------------------------------------- */

weir_status mock_decode(struct mock_host *h, const char *name, const void *data, size_t n, size_t window, int64_t max_rows)
{
    const weir_decoder *d = mock_vtable(h);
    size_t at = 0, seen = 0;
    weir_stream stream = {.struct_size = sizeof stream, .name = name};
    weir_status s = mock_open(h);
    if (s == WEIR_OK) s = d->begin(mock_self(h), &h->cx, &stream);
    while (s == WEIR_OK && at < n) {
        size_t used = 0;
        seen = window && at + window < n ? (seen > at + window ? seen : at + window) : n;
        char *copy = malloc(seen - at); /* of the exact size, so that a sanitizer sees a read beyond it */
        memcpy(copy, (const char *)data + at, seen - at);
        s = d->decode(mock_self(h), &h->cx, copy, seen - at, seen == n, max_rows, &used);
        free(copy);
        mock_settle(h);
        CU_ASSERT_TRUE(used <= seen - at);
        if (used == 0 && seen == n) break;
        at += used;
        if (used == 0) window += window;
    }
    if (s == WEIR_OK) CU_ASSERT_EQUAL(at, n);
    return s;
}

/* ---- sinks and encoders ------------------------------------------------------------------------------------- */

static char *unhex(const char *p, size_t n)
{
    char *bytes = calloc(1, n / 2 + 1);
    for (size_t i = 0; i + 1 < n; i += 2) {
        unsigned byte = 0;
        CU_ASSERT_EQUAL(sscanf(p + i, "%2x", &byte), 1);
        bytes[i / 2] = (char)byte;
    }
    return bytes;
}

static bool put_number(weir_ctx *cx, uint32_t c, uint32_t type, const char *p, size_t n)
{
    bool yes;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    switch (type) {
    case WEIR_BOOL: return weir_text_to_bool(p, n, &yes) && (weir_put_bool(cx, 0, c, yes), true);
    case WEIR_I32: return weir_text_to_i32(p, n, &i32) && (weir_put_i32(cx, 0, c, i32), true);
    case WEIR_F32: return weir_text_to_f32(p, n, &f32) && (weir_put_f32(cx, 0, c, f32), true);
    case WEIR_F64: return weir_text_to_f64(p, n, &f64) && (weir_put_f64(cx, 0, c, f64), true);
    default: return weir_text_to_i64(p, n, &i64) && (weir_put_i64(cx, 0, c, i64), true);
    }
}

static void put_cell(weir_ctx *cx, uint32_t c, const weir_schema_field *field, const char *p, size_t n)
{
    if (n == 1 && *p == '~') {
        CU_ASSERT_TRUE(field->nullable);
        weir_put_null(cx, 0, c);
    } else if (field->type == WEIR_STRING) {
        CU_ASSERT_EQUAL(weir_put_text(cx, 0, c, (weir_str){p, n}), WEIR_OK);
    } else if (field->type == WEIR_BYTES || field->type == WEIR_ANY) {
        char *bytes = unhex(p, n);
        CU_ASSERT_EQUAL(weir_put_text(cx, 0, c, (weir_str){bytes, n / 2}), WEIR_OK);
        free(bytes);
    } else {
        CU_ASSERT_TRUE(put_number(cx, c, field->type, p, n));
    }
}

/* Fills the builder of `writer`, a context whose port 0 is that builder. */
static void put_rows(weir_ctx *writer, struct weir_builder *b, const char *text)
{
    uint32_t n_fields = weir_schema_count(b->schema);
    for (const char *p = text; *p;) {
        CU_ASSERT_TRUE_FATAL(weir_builder_reserve_rows(b, b->out.length + 2) == WEIR_OK);
        for (uint32_t c = 0; c < n_fields; c++) {
            size_t n = strcspn(p, c + 1 < n_fields ? "|" : "\n");
            put_cell(writer, c, weir_schema_field_at(b->schema, c), p, n);
            CU_ASSERT_TRUE_FATAL(p[n] != 0);
            p += n + 1;
        }
        weir_emit(writer, 0, WEIR_NO_TIME);
    }
}

struct weir_rows *mock_batch(struct mock_host *h, const char *text)
{
    /* A host of its own, so that reserve_bytes finds this builder. */
    struct mock_host writer = {.cx = {.host = &services, .host_data = &writer, .out = writer.outs},
                               .outs = {&writer.builder.out}};
    struct weir_error e = {0};
    const uint32_t *origin;
    int32_t forgotten = -1;
    mock_start(h);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h->in_schema);
    weir_status s = weir_builder_init(&writer.builder, NULL, h->in_schema, NULL, 0, 16, true, false, &e);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
    put_rows(&writer.cx, &writer.builder, text);
    struct weir_rows *rows = weir_builder_take(&writer.builder, 0, &origin, &forgotten);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    weir_builder_finish(&writer.builder);
    return rows;
}
