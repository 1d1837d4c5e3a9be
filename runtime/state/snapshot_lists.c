/* snapshot_lists.c - lists of small facts that belong to no key: rows of numbers, texts, the schemas of packed rows. Any one
 * thread. */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/msgpack_get.h"
#include "state/snapshot.h"
#include "state/snapshot_internal.h"

weir_status weir_snapshot_add_numbers(struct weir_snapshot_list *list, const int64_t *numbers, uint32_t n)
{
    msgpack_packer pk;
    weir__pack_into(&pk, &list->bytes);
    int failed = msgpack_pack_array(&pk, n);
    for (uint32_t i = 0; i < n; i++) failed |= msgpack_pack_int64(&pk, numbers[i]);
    list->n++;
    return failed ? WEIR_E_MEMORY : WEIR_OK;
}

weir_status weir_snapshot_add_text(struct weir_snapshot_list *list, const char *text)
{
    msgpack_packer pk;
    size_t n = strlen(text);
    weir__pack_into(&pk, &list->bytes);
    int failed = msgpack_pack_str(&pk, n);
    failed |= msgpack_pack_str_body(&pk, text, n);
    list->n++;
    return failed ? WEIR_E_MEMORY : WEIR_OK;
}

#define ROW_SCHEMA "row schema" /* a text for each input */

static char *row_schema_of(const char *of)
{
    return of ? weir_format(ROW_SCHEMA " of %s", of) : weir_strdup(ROW_SCHEMA);
}

weir_status weir_snapshot_row_schemas(struct weir_snapshot *s, const char *of, struct weir_schema *const *schemas,
                                      uint32_t n)
{
    char *name = row_schema_of(of);
    struct weir_snapshot_list *list = weir_snapshot_list(s, name, WEIR_DEAL_UNION);
    weir_free(name);
    weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < n; i++) {
        struct weir_text text = {0};
        weir_text_add_schema(&text, schemas[i]);
        status = weir_snapshot_add_text(list, weir_text_get(&text));
        weir_text_finish(&text);
    }
    return status;
}

/* ---- restoring --------------------------------------------------------------------------------------------------- */

struct item {
    const msgpack_object *object;
    int64_t *numbers; /* room */
    uint32_t n;
    weir_status (*numbers_fn)(void *arg, const int64_t *);
    weir_status (*text_fn)(void *arg, weir_str);
    void *arg;
};

/* False: it is something else. */
static bool read_numbers(const struct item *item)
{
    const msgpack_object *o = item->object;
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != item->n) return false;
    for (uint32_t i = 0; i < item->n; i++) {
        const msgpack_object *at = &o->via.array.ptr[i];
        bool positive = at->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
        if (!positive && at->type != MSGPACK_OBJECT_NEGATIVE_INTEGER) return false;
        if (positive && at->via.u64 > INT64_MAX) return false;
        item->numbers[i] = at->via.i64;
    }
    return true;
}

static weir_status restore_item(const struct item *item, const char *name, struct weir_error *error)
{
    const msgpack_object *o = item->object;
    if (item->numbers_fn && read_numbers(item)) return item->numbers_fn(item->arg, item->numbers);
    if (item->text_fn && o->type == MSGPACK_OBJECT_STR)
        return item->text_fn(item->arg, (weir_str){o->via.str.ptr, o->via.str.size});
    return weir_error_set(error, WEIR_E_DATA,
                          "list '%s': expected %s, found something else; the file is damaged, or not "
                          "one of weir's",
                          name, item->text_fn ? "a text" : "an array of numbers");
}

static weir_status restore_list(const struct weir_snapshot_list *list, struct item *item, struct weir_error *error)
{
    msgpack_unpacked tree;
    weir_status s = WEIR_OK;
    size_t at = 0;
    msgpack_unpacked_init(&tree);
    while (s == WEIR_OK && at < list->bytes.n) {
        static const msgpack_object nothing = {.type = MSGPACK_OBJECT_NIL};
        /* A damaged length is found before anything is allocated for it. */
        size_t size = weir_msgpack_size(list->bytes.p + at, list->bytes.n - at);
        bool read =
            size > 0 && msgpack_unpack_next(&tree, (const char *)list->bytes.p, at + size, &at) == MSGPACK_UNPACK_SUCCESS;
        item->object = read ? &tree.data : &nothing;
        s = restore_item(item, list->name, error);
    }
    msgpack_unpacked_destroy(&tree);
    return s;
}

static weir_status restore_lists(const struct weir_snapshot *from, uint32_t n, const char *name, struct item *item,
                                 struct weir_error *error)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; i < n; i++) {
        for (size_t l = 0; s == WEIR_OK && l < from[i].n_lists; l++) {
            if (strcmp(from[i].lists[l].name, name) != 0) continue;
            if (from[i].watch) from[i].watch->list(from[i].watch->arg, name);
            s = restore_list(&from[i].lists[l], item, error);
        }
    }
    return s;
}

weir_status weir_restore_numbers(const struct weir_snapshot *from, uint32_t n, const char *name, uint32_t n_numbers,
                                 weir_status (*fn)(void *arg, const int64_t *numbers), void *arg, struct weir_error *error)
{
    struct item item = {.n = n_numbers, .numbers_fn = fn, .arg = arg};
    item.numbers = weir_alloc_array(n_numbers, sizeof *item.numbers);
    weir_status s = restore_lists(from, n, name, &item, error);
    weir_free(item.numbers);
    return s;
}

weir_status weir_restore_texts(const struct weir_snapshot *from, uint32_t n, const char *name,
                               weir_status (*fn)(void *arg, weir_str text), void *arg, struct weir_error *error)
{
    struct item item = {.text_fn = fn, .arg = arg};
    return restore_lists(from, n, name, &item, error);
}

bool weir_restore_has_rows(const struct weir_snapshot *from, uint32_t n, const char *of)
{
    char *name = row_schema_of(of);
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        for (size_t l = 0; l < from[i].n_lists; l++) any |= strcmp(from[i].lists[l].name, name) == 0;
    }
    weir_free(name);
    return any;
}

struct row_schemas {
    struct weir_schema *const *own;
    uint32_t n, seen; /* seen: texts so far, of all subtasks */
    struct weir_error *error;
};

static weir_status check_row_schema(void *arg, weir_str saved)
{
    struct row_schemas *c = arg;
    struct weir_text text = {0};
    weir_text_add_schema(&text, c->own[c->seen++ % c->n]);
    const char *own = weir_text_get(&text);
    bool same = strlen(own) == saved.n && memcmp(own, saved.p, saved.n) == 0;
    weir_status s = same ? WEIR_OK
                         : weir_error_set(c->error, WEIR_E_CONFIG,
                                          "the saved state keeps rows of (%.*s), and rows are (%s) now; keep them, or give "
                                          "the node another id and drop its state with --allow-non-restored",
                                          (int)saved.n, saved.p, own);
    weir_text_finish(&text);
    return s;
}

weir_status weir_restore_row_schemas(const struct weir_snapshot *from, uint32_t n, const char *of,
                                     struct weir_schema *const *schemas, uint32_t n_schemas, struct weir_error *error)
{
    char *name = row_schema_of(of);
    struct row_schemas c = {.own = schemas, .n = n_schemas, .error = error};
    weir_status s = weir_restore_texts(from, n, name, check_row_schema, &c, error);
    weir_free(name);
    return s;
}
