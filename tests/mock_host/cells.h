/* mock_host/cells.h - rows as single values, and the batches that a component sees of them. <weir/...> and libc alone.
 *
 * Every buffer of a batch is an allocation of its own with no byte to spare, and is overwritten when it goes, so that who
 * reads beyond it or keeps a pointer into it is found out: by AddressSanitizer, and mostly without it.
 */
#ifndef MOCK_HOST_CELLS_H
#define MOCK_HOST_CELLS_H

#include <weir/plugin.h>

#include "mock_host/case.h"

#define POISON 0xdd

_Noreturn void give_up(const char *what, const char *of);
void poison_free(void *, size_t n); /* NULL is fine */

struct schema {
    weir_schema_field *fields; /* names owned */
    uint32_t n;
    weir_schema_view view;
};
void schema_init(struct schema *, const char *text); /* "user:string, n:i64?"; NULL: no fields */
void schema_add(struct schema *, const char *name, uint32_t type, uint32_t nullable);
int32_t schema_find(const struct schema *, const char *name);
void schema_finish(struct schema *);

struct cell {
    bool null;
    union {
        bool b;
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
    } v;
    char *bytes; /* string, bytes, any; owned */
    size_t n;
};
struct cell cell_copy(const struct cell *);
void cells_free(struct cell *, uint32_t n); /* the array, too */
struct cell *cells_copy(const struct cell *, uint32_t n);
struct cell cell_of(const weir_column *, int64_t row);
void cell_add(struct lines *, const struct cell *, uint32_t type);
char *cells_identity(const struct cell *, const struct schema *); /* equal for equal cells */

struct row {
    int64_t time;
    struct cell *cells;
};
struct rows {
    struct row *all;
    size_t n;
};
struct rows rows_parse(const struct schema *, const char *text); /* lines of a case */
void rows_free(struct rows *, uint32_t n_fields);

/* Fields `args` of rows from .. from + n - 1. */
struct batch {
    weir_batch view;
    weir_column *columns;
    int64_t *time;
    size_t *sizes; /* of data */
};
struct batch *batch_create(const struct rows *, size_t from, size_t n, const struct schema *, const uint32_t *args,
                           uint32_t n_args);
void batch_free(struct batch *);

/* Columns that are written. */
struct port {
    weir_out out;
    struct schema written;
    uint32_t *to;  /* written column i is field to[i] of the port's rows */
    int64_t keyed; /* rows whose key is known */
};
void port_init(struct port *, int64_t capacity, bool one_to_one); /* `written` and `to` are set */
void port_reset(struct port *, int64_t capacity);                 /* empty again, other memory */
void port_reserve(struct port *, uint32_t column, size_t more);
struct cell port_cell(const struct port *, uint32_t column, int64_t row);
void port_put(struct port *, uint32_t column, const struct cell *); /* into the row being written */
void port_finish(struct port *);

#endif
