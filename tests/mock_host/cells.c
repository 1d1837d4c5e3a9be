/* cells.c - see the header. */
#include "mock_host/cells.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void give_up(const char *what, const char *of)
{
    fprintf(stderr, "mock_host: %s: %s\n", what, of ? of : "nothing");
    exit(2);
}

void poison_free(void *p, size_t n)
{
    if (p) memset(p, POISON, n);
    free(p);
}

static void *room_for(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p) give_up("no memory", NULL);
    return p;
}

static bool is_text(uint32_t type)
{
    return type == WEIR_STRING || type == WEIR_BYTES || type == WEIR_ANY;
}

/* ---- schemas ----------------------------------------------------------------------------------------------------- */

static uint32_t type_of(const char *name)
{
    static const char *const names[] = {"", "bool", "i32", "i64", "f32", "f64", "timestamp", "string", "bytes", "any"};
    for (uint32_t t = WEIR_BOOL; t <= WEIR_ANY; t++) {
        if (strcmp(names[t], name) == 0) return t;
    }
    give_up("expected a type", name);
}

void schema_add(struct schema *s, const char *name, uint32_t type, uint32_t nullable)
{
    s->fields = realloc(s->fields, (s->n + 1) * sizeof *s->fields);
    s->fields[s->n++] = (weir_schema_field){.name = strdup(name), .type = type, .nullable = nullable};
    s->view = (weir_schema_view){
        .struct_size = sizeof s->view, .n_fields = s->n, .field_stride = sizeof(weir_schema_field), .fields = s->fields};
}

void schema_init(struct schema *s, const char *text)
{
    *s = (struct schema){.view = {.struct_size = sizeof s->view, .field_stride = sizeof(weir_schema_field)}};
    char *copy = strdup(text ? text : ""), *rest = copy;
    for (char *item; (item = strsep(&rest, ","));) {
        while (*item == ' ') item++;
        char *type = strchr(item, ':');
        if (!type) continue;
        *type++ = '\0';
        size_t n = strlen(type);
        bool nullable = n > 0 && type[n - 1] == '?';
        if (nullable) type[n - 1] = '\0';
        schema_add(s, item, type_of(type), nullable);
    }
    free(copy);
}

int32_t schema_find(const struct schema *s, const char *name)
{
    return weir_schema_index(&s->view, name);
}

void schema_finish(struct schema *s)
{
    for (uint32_t i = 0; i < s->n; i++) free((char *)(uintptr_t)s->fields[i].name);
    free(s->fields);
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

struct cell cell_copy(const struct cell *from)
{
    struct cell to = *from;
    if (!from->bytes) return to;
    to.bytes = room_for(from->n);
    memcpy(to.bytes, from->bytes, from->n);
    return to;
}

struct cell *cells_copy(const struct cell *from, uint32_t n)
{
    struct cell *to = room_for(n * sizeof *to);
    for (uint32_t i = 0; i < n; i++) to[i] = cell_copy(&from[i]);
    return to;
}

void cells_free(struct cell *cells, uint32_t n)
{
    for (uint32_t i = 0; cells && i < n; i++) poison_free(cells[i].bytes, cells[i].n);
    free(cells);
}

struct cell cell_of(const weir_column *k, int64_t row)
{
    const weir_batch batch = {.columns = k};
    const weir_row r = {&batch, row};
    struct cell c = {.null = weir_null(r, 0)};
    if (c.null) return c;
    switch (k->type) {
    case WEIR_BOOL: c.v.b = weir_bool(r, 0); break;
    case WEIR_I32: c.v.i32 = weir_i32(r, 0); break;
    case WEIR_F32: c.v.f32 = weir_f32(r, 0); break;
    case WEIR_F64: c.v.f64 = weir_f64(r, 0); break;
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY:
        c.n = weir_text(r, 0).n;
        c.bytes = room_for(c.n);
        memcpy(c.bytes, weir_text(r, 0).p, c.n);
        break;
    default: c.v.i64 = weir_i64(r, 0); break;
    }
    return c;
}

void cell_add(struct lines *t, const struct cell *c, uint32_t type)
{
    if (c->null) {
        lines_add(t, "null");
        return;
    }
    switch (type) {
    case WEIR_BOOL: lines_add(t, c->v.b ? "true" : "false"); break;
    case WEIR_I32: lines_add(t, "%" PRId32, c->v.i32); break;
    case WEIR_F32: lines_add(t, "%g", (double)c->v.f32); break;
    case WEIR_F64: lines_add(t, "%.10g", c->v.f64); break;
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY: lines_add_bytes(t, c->bytes, c->n); break;
    default: lines_add(t, "%" PRId64, c->v.i64); break;
    }
}

char *cells_identity(const struct cell *cells, const struct schema *s)
{
    struct lines t = {0};
    for (uint32_t i = 0; i < s->n; i++) {
        lines_add(&t, "%zu:", cells[i].n);
        cell_add(&t, &cells[i], s->fields[i].type);
        lines_add(&t, ",");
    }
    return t.text;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static char *trim(char *s)
{
    while (*s == ' ') s++;
    for (size_t n = strlen(s); n > 0 && s[n - 1] == ' '; n--) s[n - 1] = '\0';
    return s;
}

static struct cell cell_parse(uint32_t type, const char *text)
{
    struct cell c = {.null = strcmp(text, "null") == 0};
    if (c.null) return c;
    switch (type) {
    case WEIR_BOOL: c.v.b = strcmp(text, "true") == 0; break;
    case WEIR_I32: c.v.i32 = (int32_t)strtol(text, NULL, 10); break;
    case WEIR_F32: c.v.f32 = strtof(text, NULL); break;
    case WEIR_F64: c.v.f64 = strtod(text, NULL); break;
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY:
        c.n = strlen(text);
        c.bytes = room_for(c.n);
        memcpy(c.bytes, text, c.n);
        break;
    default: c.v.i64 = strtoll(text, NULL, 10); break;
    }
    return c;
}

static void add_line(struct rows *rows, const struct schema *s, char *line)
{
    char *rest = strchr(line, '|');
    if (!rest) give_up("expected a row", line);
    *rest++ = '\0';
    const char *time = trim(line);
    rows->all = realloc(rows->all, (rows->n + 1) * sizeof *rows->all);
    struct row *r = &rows->all[rows->n++];
    r->time = strcmp(time, "-") == 0 ? WEIR_NO_TIME : strtoll(time, NULL, 10);
    r->cells = room_for(s->n * sizeof *r->cells);
    for (uint32_t i = 0; i < s->n; i++) {
        char *cell = strsep(&rest, ",");
        if (!cell) give_up("expected a field more", line);
        r->cells[i] = cell_parse(s->fields[i].type, trim(cell));
    }
}

struct rows rows_parse(const struct schema *s, const char *text)
{
    struct rows rows = {0};
    char *copy = strdup(text), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (*line) add_line(&rows, s, line);
    }
    free(copy);
    return rows;
}

void rows_free(struct rows *rows, uint32_t n_fields)
{
    for (size_t i = 0; i < rows->n; i++) cells_free(rows->all[i].cells, n_fields);
    free(rows->all);
    *rows = (struct rows){0};
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

static size_t width_of(uint32_t type)
{
    return type == WEIR_I32 || type == WEIR_F32 ? 4 : 8;
}

static void fill_texts(weir_column *k, size_t *size, const struct rows *rows, size_t from, size_t n, uint32_t field)
{
    int32_t *offsets = room_for((n + 1) * sizeof *offsets);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) total += rows->all[from + i].cells[field].n;
    char *data = room_for(total);
    for (size_t i = 0; i < n; i++) {
        const struct cell *c = &rows->all[from + i].cells[field];
        if (c->n > 0) memcpy(data + offsets[i], c->bytes, c->n);
        offsets[i + 1] = offsets[i] + (int32_t)c->n;
    }
    k->offsets = offsets;
    k->data = data;
    *size = total;
}

static void fill_column(weir_column *k, size_t *size, const struct rows *rows, size_t from, size_t n, uint32_t field)
{
    uint8_t *validity = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!rows->all[from + i].cells[field].null) continue;
        if (!validity) validity = memset(room_for((n + 7) / 8), 0xff, (n + 7) / 8);
        validity[i >> 3] &= (uint8_t) ~(1u << (i & 7));
    }
    k->validity = validity;
    if (is_text(k->type)) {
        fill_texts(k, size, rows, from, n, field);
        return;
    }
    *size = k->type == WEIR_BOOL ? (n + 7) / 8 : n * width_of(k->type);
    uint8_t *data = room_for(*size);
    for (size_t i = 0; i < n; i++) {
        const struct cell *c = &rows->all[from + i].cells[field];
        if (k->type == WEIR_BOOL)
            data[i >> 3] |= (uint8_t)(c->v.b << (i & 7));
        else
            memcpy(data + i * width_of(k->type), &c->v, width_of(k->type));
    }
    k->data = data;
}

struct batch *batch_create(const struct rows *rows, size_t from, size_t n, const struct schema *s, const uint32_t *args,
                           uint32_t n_args)
{
    struct batch *b = room_for(sizeof *b);
    b->columns = room_for(n_args * sizeof *b->columns);
    b->sizes = room_for(n_args * sizeof *b->sizes);
    b->time = room_for(n * sizeof *b->time);
    for (size_t i = 0; i < n; i++) b->time[i] = rows->all[from + i].time;
    for (uint32_t c = 0; c < n_args; c++) {
        b->columns[c].type = s->fields[args[c]].type;
        fill_column(&b->columns[c], &b->sizes[c], rows, from, n, args[c]);
    }
    b->view = (weir_batch){.struct_size = sizeof b->view,
                           .n_columns = n_args,
                           .length = (int64_t)n,
                           .columns = b->columns,
                           .time = b->time,
                           .selected = (int64_t)n};
    return b;
}

void batch_free(struct batch *b)
{
    if (!b) return;
    size_t n = (size_t)b->view.length;
    for (uint32_t c = 0; c < b->view.n_columns; c++) {
        poison_free((void *)(uintptr_t)b->columns[c].data, b->sizes[c]);
        if (b->columns[c].validity) poison_free((void *)(uintptr_t)b->columns[c].validity, (n + 7) / 8);
        if (b->columns[c].offsets) poison_free((void *)(uintptr_t)b->columns[c].offsets, (n + 1) * sizeof(int32_t));
    }
    free((void *)(uintptr_t)b->view.null_rows);
    poison_free(b->columns, b->view.n_columns * sizeof *b->columns);
    poison_free(b->time, n * sizeof *b->time);
    free(b->sizes);
    poison_free(b, sizeof *b);
}

/* ---- ports ------------------------------------------------------------------------------------------------------- */

static size_t data_size(const weir_out_column *k, int64_t capacity)
{
    if (k->type == WEIR_BOOL) return (size_t)(capacity + 7) / 8;
    return is_text(k->type) ? (size_t)k->bytes_capacity : (size_t)capacity * width_of(k->type);
}

static void allocate(struct port *p, bool one_to_one)
{
    weir_out *o = &p->out;
    size_t rows = (size_t)o->capacity;
    o->columns = room_for(o->n_columns * sizeof *o->columns);
    o->time = one_to_one ? NULL : room_for(rows * sizeof *o->time);
    o->origin = one_to_one ? NULL : room_for(rows * sizeof *o->origin);
    for (uint32_t c = 0; c < o->n_columns; c++) {
        weir_out_column *k = &o->columns[c];
        k->type = p->written.fields[c].type;
        k->bytes_capacity = is_text(k->type) ? 3 : 0; /* few: reserve_bytes has to be asked */
        k->data = room_for(data_size(k, o->capacity));
        if (is_text(k->type)) k->offsets = room_for((rows + 1) * sizeof *k->offsets);
        if (p->written.fields[c].nullable) k->validity = memset(room_for((rows + 7) / 8), 0xff, (rows + 7) / 8);
    }
}

static void release(struct port *p)
{
    weir_out *o = &p->out;
    size_t rows = (size_t)o->capacity;
    for (uint32_t c = 0; c < o->n_columns; c++) {
        weir_out_column *k = &o->columns[c];
        poison_free(k->data, data_size(k, o->capacity));
        poison_free(k->offsets, (rows + 1) * sizeof *k->offsets);
        poison_free(k->validity, (rows + 7) / 8);
    }
    poison_free(o->columns, o->n_columns * sizeof *o->columns);
    poison_free(o->time, rows * sizeof *o->time);
    poison_free(o->origin, rows * sizeof *o->origin);
}

void port_init(struct port *p, int64_t capacity, bool one_to_one)
{
    p->out = (weir_out){.struct_size = sizeof p->out, .n_columns = p->written.n, .capacity = capacity};
    p->keyed = 0;
    allocate(p, one_to_one);
}

void port_reset(struct port *p, int64_t capacity)
{
    bool one_to_one = p->out.time == NULL;
    release(p);
    port_init(p, capacity, one_to_one);
}

void port_reserve(struct port *p, uint32_t column, size_t more)
{
    weir_out_column *k = &p->out.columns[column];
    size_t used = (size_t)k->offsets[p->out.length], had = (size_t)k->bytes_capacity;
    char *data = room_for(used + more);
    memcpy(data, k->data, used < had ? used : had);
    poison_free(k->data, had);
    k->data = data;
    k->bytes_capacity = (int64_t)(used + more);
}

struct cell port_cell(const struct port *p, uint32_t column, int64_t row)
{
    const weir_out_column *k = &p->out.columns[column];
    const weir_column as_read = {.validity = k->validity, .data = k->data, .offsets = k->offsets, .type = k->type};
    return cell_of(&as_read, row);
}

void port_put(struct port *p, uint32_t column, const struct cell *c)
{
    weir_out_column *k = &p->out.columns[column];
    int64_t at = p->out.length;
    if (k->validity) {
        uint8_t bit = (uint8_t)(1u << (at & 7));
        k->validity[at >> 3] = (uint8_t)(c->null ? k->validity[at >> 3] & ~bit : k->validity[at >> 3] | bit);
    }
    if (is_text(k->type)) {
        if ((int64_t)c->n > k->bytes_capacity - k->offsets[at]) port_reserve(p, column, c->n);
        if (c->n > 0) memcpy((char *)k->data + k->offsets[at], c->bytes, c->n);
        k->offsets[at + 1] = k->offsets[at] + (int32_t)c->n;
    } else if (k->type == WEIR_BOOL) {
        uint8_t *byte = (uint8_t *)k->data + (at >> 3), bit = (uint8_t)(1u << (at & 7));
        *byte = (uint8_t)(c->v.b ? *byte | bit : *byte & ~bit);
    } else {
        memcpy((char *)k->data + (size_t)at * width_of(k->type), &c->v, width_of(k->type));
    }
}

void port_finish(struct port *p)
{
    release(p);
    schema_finish(&p->written);
    free(p->to);
}
