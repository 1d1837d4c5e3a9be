/* saved_verify.c - every byte of a checkpoint or savepoint against its checksums, and what it is made of. */
#include "base/alloc.h"
#include "checkpoint/saved_internal.h"
#include "checkpoint/saved_look.h"

struct verification {
    struct weir_storage *storage;
    const char *checkpoint;
    const struct weir_saved_index *index;
    void (*tell)(void *arg, const struct weir_saved_check *);
    void *arg;
    struct weir_error *error; /* the first damage */
};

static void tell(struct verification *v, struct weir_saved_check *check, const struct weir_error *damage)
{
    if (damage && v->error->status == WEIR_OK) *v->error = *damage;
    if (damage) check->damage = damage->text;
    v->tell(v->arg, check);
}

/* An entry begins with its key group: an array of five, then the number. */
static weir_status check_entry(void *arg, uint32_t group, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    struct weir_saved_check *check = arg;
    uint32_t found = UINT32_MAX;
    check->entries++;
    if (n > 1 && bytes[1] < 0x80) found = bytes[1];
    if (n > 2 && bytes[1] == 0xcc) found = bytes[2];
    if (n > 3 && bytes[1] == 0xcd) found = (uint32_t)bytes[2] << 8 | bytes[3];
    if (bytes[0] == 0x95 && found == group) return WEIR_OK;
    return weir_error_set(error, WEIR_E_DATA, "expected an entry of key group %u, found something else", group);
}

static weir_status count_item(void *arg, const struct weir_saved_list *list, const uint8_t *bytes, size_t n,
                              struct weir_error *error)
{
    struct weir_saved_check *check = arg;
    (void)list, (void)bytes, (void)n, (void)error;
    check->items++;
    return WEIR_OK;
}

static void verify_part(struct verification *v, const struct weir_saved_node *node, const struct weir_saved_part *part)
{
    static const struct weir_saved_visitor visitor = {.entry = check_entry, .item = count_item};
    struct weir_saved_check check = {.file = part->file,
                                     .node = node->id,
                                     .subtask = part->subtask,
                                     .bytes = part->length,
                                     .blocks = part->n_hashes,
                                     .n_groups = part->n_groups,
                                     .n_lists = part->n_lists};
    struct weir_error damage = {0};
    for (size_t i = 0; i < part->n_earlier; i++) verify_part(v, node, &part->earlier[i]);
    weir_status status = weir__saved_scan_file(v->storage, v->checkpoint, part, &visitor, &check, &damage);
    tell(v, &check, status == WEIR_OK ? NULL : &damage);
}

static weir_status look_for_foreign(struct verification *v, struct weir_error *error)
{
    struct weir__inventory there = {0};
    weir_status status = weir__inventory_read(v->storage, v->checkpoint, &there, error);
    for (size_t i = 0; i < there.n; i++) {
        const struct weir__object *o = &there.all[i];
        if (weir__saved_has_file(v->index, o->name)) continue;
        tell(v, &(struct weir_saved_check){.file = o->name, .foreign = true, .bytes = o->size}, NULL);
    }
    weir__inventory_finish(&there);
    return status;
}

weir_status weir_saved_verify(struct weir_storage *storage, const char *checkpoint,
                              void (*told)(void *arg, const struct weir_saved_check *), void *arg, struct weir_error *error)
{
    struct weir_saved_index index = {0};
    struct verification v = {storage, checkpoint, &index, told, arg, error};
    struct weir_error damage = {0};
    *error = (struct weir_error){0};
    weir_status status = weir_saved_index_read(storage, checkpoint, &index, &damage);
    struct weir_saved_check metadata = {.file = WEIR__METADATA, .bytes = index.length, .blocks = 1};
    tell(&v, &metadata, status == WEIR_OK ? NULL : &damage);
    if (status != WEIR_OK) return error->status;
    for (size_t i = 0; i < index.n; i++) {
        for (size_t k = 0; k < index.nodes[i].n; k++) verify_part(&v, &index.nodes[i], &index.nodes[i].parts[k]);
    }
    status = look_for_foreign(&v, &damage);
    if (status != WEIR_OK && error->status == WEIR_OK) *error = damage;
    weir_saved_index_finish(&index);
    return error->status;
}
