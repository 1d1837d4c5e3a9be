/* fuzz_state.c - any bytes as a state file of a savepoint, whose checksums fit: read, restored, cut again, dumped.
 *
 * Where the header, the key groups and the list begin is what the metadata says of a real one; here it is made out from
 * the bytes: a map is a header, arrays of five behind it are entries, each of the key group it names, and the rest is a
 * list. The operator that restores it has the states that the header tells of; or those of a later version of it.
 */
#include <stdalign.h>
#include <string.h>

#include "base/alloc.h"
#include "checkpoint/saved_dump.h"
#include "checkpoint/saved_look.h"
#include "checkpoint/saved_states.h"
#include "data/msgpack_get.h"
#include "fuzz/fuzz.h"
#include "harness/folders.h"
#include "harness/memory_disk.h"

#define MOST_GROUPS 64
#define MOST_STATES 32
#define MOST_FIELDS 32

/* ---- the parts of a file ----------------------------------------------------------------------------------------- */

static void add(struct weir_key_bytes *to, const uint8_t *bytes, size_t n)
{
    FUZZ_CHECK(n == 0 || weir_key_bytes_add(to, bytes, n));
}

/* The key group of the entry there; -1: there is none, or none that may follow. */
static int group_of(const struct weir_snapshot *s, const uint8_t *bytes, size_t n)
{
    int last = s->n_groups > 0 ? (int)s->groups[s->n_groups - 1].group : 0;
    return n > 2 && bytes[0] == 0x95 && bytes[1] < MOST_GROUPS && bytes[1] >= last ? bytes[1] : -1;
}

static void add_entry(struct weir_snapshot *s, uint32_t group, const uint8_t *bytes, size_t n)
{
    struct weir_snapshot_group *last = s->n_groups > 0 ? &s->groups[s->n_groups - 1] : NULL;
    if (!last || last->group != group) {
        WEIR_GROW(s->groups, s->groups_capacity, s->n_groups + 1);
        last = &s->groups[s->n_groups++];
        *last = (struct weir_snapshot_group){.group = group, .offset = s->keyed.n};
    }
    add(&s->keyed, bytes, n);
    last->length += n;
    s->n_entries++;
}

static void add_list(struct weir_snapshot *s, const char *name, const uint8_t *bytes, size_t n)
{
    struct weir_snapshot_list *list = weir_snapshot_list(s, name, WEIR_DEAL_UNION);
    add(&list->bytes, bytes, n);
    for (size_t size; n > 0 && (size = weir_msgpack_size(bytes, n)) > 0; bytes += size, n -= size) list->n++;
}

static void take_apart(const uint8_t *bytes, size_t n, struct weir_snapshot *s)
{
    size_t size = n > 0 && (bytes[0] & 0xf0) == 0x80 ? weir_msgpack_size(bytes, n) : 0;
    add(&s->header, bytes, size);
    bytes += size, n -= size;
    for (int group; s->header.n > 0 && (group = group_of(s, bytes, n)) >= 0; bytes += size, n -= size) {
        size = weir_msgpack_size(bytes, n);
        if (size == 0) size = n; /* an entry that has no end */
        add_entry(s, (uint32_t)group, bytes, size);
    }
    if (n == 0) return;
    add_list(s, WEIR_SPLITS_LIST, bytes, n);
    add_list(s, "row schema", bytes, n);
}

/* ---- the operator ------------------------------------------------------------------------------------------------ */

struct stage {
    struct weir_state_layout layouts[MOST_STATES];
    uint32_t n;
    struct weir_schema *key;
};

static uint32_t size_of(weir_type type)
{
    return weir_type_is_variable(type) ? (uint32_t)sizeof(weir_str) : type == WEIR_BOOL ? 1 : weir_type_size(type);
}

static weir_type later(weir_type type)
{
    return type == WEIR_I32 ? WEIR_I64 : type == WEIR_F32 ? WEIR_F64 : type == WEIR_TIMESTAMP ? WEIR_I64 : type;
}

/* A struct of these members, one after the other; its size. A later version has wider ones, one of its own, and not the
 * first. */
static uint32_t lay_out(const struct weir_saved_fields *fields, bool is_later, weir_field *to, uint32_t *n)
{
    uint32_t size = 0;
    *n = 0;
    for (size_t i = is_later && fields->n > 1; i < fields->n && *n < MOST_FIELDS - 1; i++) {
        weir_type type = is_later ? later(fields->all[i].type) : fields->all[i].type;
        uint32_t own = size_of(type), alignment = own < 8 ? own : 8, at = (size + alignment - 1) / alignment * alignment;
        to[(*n)++] = (weir_field){.name = fields->all[i].name, .type = type, .offset = at, .size = own, .since = 1};
        size = at + own;
    }
    if (is_later) {
        uint32_t at = (size + 7) / 8 * 8;
        to[(*n)++] = (weir_field){.name = "added", .type = WEIR_I64, .offset = at, .size = 8, .since = 1};
        size = at + 8;
    }
    return (size + 7) / 8 * 8;
}

static weir_status fold(void *self, struct weir_ctx *cx, void *into, const void *value)
{
    (void)self, (void)cx, (void)into, (void)value;
    return WEIR_OK;
}

static weir_status finish_fold(void *self, struct weir_ctx *cx, const void *acc, void *out)
{
    (void)self, (void)cx, (void)acc, (void)out;
    return WEIR_OK;
}

static bool add_state(struct stage *g, const struct weir_saved_state_info *saved, bool is_later)
{
    weir_field fields[MOST_FIELDS], key_fields[MOST_FIELDS];
    struct weir_error error;
    weir_state_kind kind = WEIR_VALUE; /* one that the header has wrong is refused */
    bool known = weir_state_kind_parse(saved->kind, &kind), folds = kind == WEIR_REDUCING || kind == WEIR_AGGREGATING;
    weir_state state = {.name = saved->name,
                        .kind = known ? kind : WEIR_VALUE,
                        .add = folds ? fold : NULL,
                        .result = kind == WEIR_AGGREGATING ? finish_fold : NULL,
                        .version = 1,
                        .fields = fields,
                        .key_fields = key_fields,
                        .field_stride = sizeof *fields};
    state.size = lay_out(&saved->value, is_later, fields, &state.n_fields);
    if (state.kind == WEIR_MAP || state.kind == WEIR_BROADCAST)
        state.key_size = lay_out(&saved->key, false, key_fields, &state.n_key_fields);
    if (weir_state_layout_init(&g->layouts[g->n], &state, &error) != WEIR_OK) return false;
    g->n++;
    return true;
}

/* False: there is no such operator. */
static bool make_stage(struct stage *g, const struct weir_saved_header *header, bool is_later)
{
    struct weir_schema_builder key = {0};
    *g = (struct stage){0};
    for (size_t i = 0; i < header->key.n; i++)
        weir_schema_builder_add(&key, header->key.all[i].name, header->key.all[i].type, false);
    g->key = weir_schema_build(&key);
    for (size_t i = 0; i < header->n; i++) {
        if (g->n == MOST_STATES || !add_state(g, &header->states[i], is_later)) return false;
    }
    return true;
}

static void destroy_stage(struct stage *g)
{
    for (uint32_t i = 0; i < g->n; i++) weir_state_layout_finish(&g->layouts[i]);
    weir_schema_release(g->key);
}

/* What the operator has of the snapshot, cut again. False: it is refused. */
static bool restore_and_cut(const struct stage *g, const struct weir_snapshot *from, struct weir_snapshot *to)
{
    struct weir_error error = {0};
    struct weir_state_set *set = weir_heap_state_create(g->layouts, g->n, 0, MOST_GROUPS - 1);
    struct weir_timers *timers = weir_timers_create(0, MOST_GROUPS - 1);
    weir_status s = weir_restore_keyed(from, 1, set, timers, g->layouts, g->n, g->key, 0, MOST_GROUPS - 1, &error);
    if (s == WEIR_OK) s = weir_snapshot_keyed(to, set, timers, g->key, 0, MOST_GROUPS - 1, &error);
    FUZZ_CHECK(s == WEIR_OK || error.text[0]);
    set->ops->destroy(set);
    weir_timers_destroy(timers);
    return s == WEIR_OK;
}

static bool same(const struct weir_key_bytes *a, const struct weir_key_bytes *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

/* What is restored and cut again without a record in between is the same, however strange the first cut was. */
static void restore(const struct weir_saved_header *header, const struct weir_snapshot *from, bool is_later)
{
    struct stage g;
    struct weir_snapshot first = {0}, second = {0};
    if (make_stage(&g, header, is_later) && restore_and_cut(&g, from, &first)) {
        FUZZ_CHECK(restore_and_cut(&g, &first, &second));
        FUZZ_CHECK(same(&first.header, &second.header) && same(&first.keyed, &second.keyed));
        FUZZ_CHECK(first.n_entries == second.n_entries && first.n_groups == second.n_groups);
    }
    weir_snapshot_finish(&second);
    weir_snapshot_finish(&first);
    destroy_stage(&g);
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static weir_status look_at_split(void *arg, const struct weir_saved_split *split)
{
    *(size_t *)arg += split->description.n + split->position.n;
    return WEIR_OK;
}

static weir_status look_at_bytes(void *arg, const struct weir_saved_bytes *item)
{
    FUZZ_CHECK(item->index < item->total);
    *(size_t *)arg += item->bytes.n;
    return WEIR_OK;
}

static weir_status look_at_numbers(void *arg, const int64_t *numbers)
{
    *(size_t *)arg += (size_t)(numbers[0] ^ numbers[1]);
    return WEIR_OK;
}

static weir_status look_at_text(void *arg, weir_str text)
{
    *(size_t *)arg += text.n;
    return WEIR_OK;
}

static void restore_lists(const struct weir_snapshot *from)
{
    struct weir_error error;
    struct weir_schema_builder fields = {0};
    size_t seen = 0;
    bool any;
    weir_schema_builder_add(&fields, "n", WEIR_I64, false);
    struct weir_schema *schema = weir_schema_build(&fields);
    (void)!weir_restore_splits(from, 1, look_at_split, &seen, &any, &error);
    (void)!weir_restore_bytes(from, 1, 3, WEIR_SPLITS_LIST, look_at_bytes, &seen, &error);
    (void)!weir_restore_numbers(from, 1, WEIR_SPLITS_LIST, 2, look_at_numbers, &seen, &error);
    (void)!weir_restore_texts(from, 1, WEIR_SPLITS_LIST, look_at_text, &seen, &error);
    (void)!weir_restore_row_schemas(from, 1, NULL, &schema, 1, &error);
    weir_schema_release(schema);
}

/* ---- on a disk --------------------------------------------------------------------------------------------------- */

static weir_status swallow(void *arg, const char *text, size_t n)
{
    (void)arg, (void)text;
    FUZZ_CHECK(n > 0 && text[n - 1] == '\n');
    return WEIR_OK;
}

static void tell(void *arg, const struct weir_saved_check *check)
{
    (void)check;
    ++*(size_t *)arg;
}

/* Takes the parts over. */
static void write_and_look(struct weir_snapshot *part)
{
    struct memory_disk disk;
    struct weir_saved saved = {.job = weir_strdup("j")}, read = {0};
    struct weir_error error = {0};
    size_t told = 0;
    memory_disk_init(&disk);
    struct weir_saved_operator *op = weir_saved_add(&saved, "n", 1, MOST_GROUPS);
    op->parts[0] = *part;
    *part = (struct weir_snapshot){0};
    FUZZ_CHECK(folders_write(&disk.platform, "/s", &saved, NULL, &error) == WEIR_OK);
    FUZZ_CHECK(folders_read(&disk.platform, "/s", &read, &error) == WEIR_OK);
    const struct weir_snapshot *found = &read.operators[0].parts[0];
    FUZZ_CHECK(same(&found->header, &op->parts[0].header) && same(&found->keyed, &op->parts[0].keyed));
    (void)!folders_verify(&disk.platform, "/s", tell, &told, &error);
    FUZZ_CHECK(told == disk.n);
    struct weir_saved_dump_options dump = {.write = swallow};
    weir_status lines = folders_dump(&disk.platform, "/s", &dump, &error);
    dump.csv = true;
    dump.memory = disk.files[1].n / 4; /* some of the entries at a time */
    FUZZ_CHECK((folders_dump(&disk.platform, "/s", &dump, &error) == WEIR_OK) == (lines == WEIR_OK));
    weir_saved_finish(&read);
    weir_saved_finish(&saved);
    memory_disk_finish(&disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_snapshot part = {0};
    struct weir_saved_header header = {0};
    struct weir_error error;
    take_apart(data, size, &part);
    if (part.header.n > 0 && weir_saved_header_read(part.header.p, part.header.n, &header, &error) == WEIR_OK) {
        restore(&header, &part, false);
        restore(&header, &part, true);
    }
    weir_saved_header_finish(&header);
    restore_lists(&part);
    if (size > 0) write_and_look(&part);
    weir_snapshot_finish(&part);
    return 0;
}
