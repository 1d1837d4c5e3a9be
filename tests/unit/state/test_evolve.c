/* Saved states that are declared in another way now: what the rules carry over, what components migrate, what is refused. */
#include <string.h>

#include "base/alloc.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/snapshot.h"
#include "state/store.h"
#include "state/unkeyed.h"

struct map_key {
    weir_str name;
};
#define MEMBER(T, m, t)                                                              \
    {                                                                                \
        .name = #m, .type = t, .offset = offsetof(T, m), .size = sizeof(((T *)0)->m) \
    }
static const weir_field key_members[] = {MEMBER(struct map_key, name, WEIR_BYTES)};
#define N_GROUPS 16

struct stage {
    struct weir_state_layout layouts[3];
    struct weir_schema *key;
};

static void init(struct stage *g)
{
    struct weir_schema_builder key = {0};
    *g = (struct stage){0};
    weir_schema_builder_add(&key, "user", WEIR_I64, false);
    g->key = weir_schema_build(&key);
}

static void finish(struct stage *g)
{
    for (size_t i = 0; i < WEIR_LEN(g->layouts); i++) weir_state_layout_finish(&g->layouts[i]);
    weir_schema_release(g->key);
}

static struct weir_key_ref make_key(int64_t i)
{
    static int64_t bytes;
    bytes = i;
    return (struct weir_key_ref){(const uint8_t *)&bytes, sizeof bytes, (uint32_t)i * 7 % N_GROUPS,
                                 weir_key_hash64(&bytes, sizeof bytes)};
}

static void cut(struct stage *g, struct weir_state_set *set, struct weir_snapshot *to)
{
    struct weir_error error;
    CU_ASSERT_EQUAL(weir_snapshot_keyed(to, set, NULL, g->key, 0, N_GROUPS - 1, &error), WEIR_OK);
}

/* What holds the state: the heap, or a store with a cache of so many bytes. */
struct holder {
    struct memory_store memory;
    struct weir_state_store *store;
};
enum { IN_HEAP = 0, ENTRY_BY_ENTRY = 1, SMALL = 3000, N_HOLDERS = 3 };
static const size_t holders[N_HOLDERS] = {IN_HEAP, ENTRY_BY_ENTRY, SMALL};

static struct weir_state_set *make_set(struct stage *g, struct holder *h, size_t cache_bytes)
{
    *h = (struct holder){0};
    if (cache_bytes == IN_HEAP) return weir_heap_state_create(g->layouts, WEIR_LEN(g->layouts), 0, N_GROUPS - 1);
    struct weir_state_store_options o = {
        .backend = &memory_store_backend, .self = &h->memory, .directory = "memory", .cache_bytes = cache_bytes};
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &h->store, NULL), WEIR_OK);
    return weir_stored_state_create(h->store, g->layouts, WEIR_LEN(g->layouts), 0, N_GROUPS - 1);
}

static void destroy_set(struct weir_state_set *set, struct holder *h)
{
    set->ops->destroy(set);
    if (h->store) CU_ASSERT_PTR_NULL(weir_state_store_failure(h->store));
    weir_state_store_destroy(h->store);
}

/* ---- changed declarations ---------------------------------------------------------------------------------------- */

struct before {
    int32_t a;
    float b;
    weir_str c;
};
struct after {
    double b;
    int64_t a, fresh;
};
static const weir_field before_members[] = {MEMBER(struct before, a, WEIR_I32), MEMBER(struct before, b, WEIR_F32),
                                            MEMBER(struct before, c, WEIR_STRING)};
static const weir_field after_members[] = {MEMBER(struct after, b, WEIR_F64), MEMBER(struct after, a, WEIR_I64),
                                           MEMBER(struct after, fresh, WEIR_I64)};
static const weir_field wrong_members[] = {MEMBER(struct after, b, WEIR_F64), MEMBER(struct before, c, WEIR_BYTES)};
#define STATE(n, k, T, m)                                                                            \
    {                                                                                                \
        .name = n, .kind = k, .version = 1, .size = sizeof(T), .fields = m, .n_fields = WEIR_LEN(m), \
        .field_stride = sizeof(weir_field)                                                           \
    }

static void members_are_found_by_name_and_widened(void)
{
    static const weir_state old_states[] = {STATE("gone", WEIR_VALUE, struct before, before_members),
                                            STATE("sums", WEIR_VALUE, struct before, before_members)};
    static const weir_state new_states[] = {STATE("sums", WEIR_VALUE, struct after, after_members)};
    static const weir_state wrong_states[] = {STATE("sums", WEIR_VALUE, struct after, wrong_members),
                                              STATE("gone", WEIR_LIST, struct before, before_members)};
    struct weir_state_layout old[2], new[1], wrong[2];
    struct weir_error error;
    struct stage g;
    init(&g);
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(weir_state_layout_init(&old[i], &old_states[i], &error), WEIR_OK);
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(weir_state_layout_init(&wrong[i], &wrong_states[i], &error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_state_layout_init(&new[0], &new_states[0], &error), WEIR_OK);

    struct weir_state_set *set = weir_heap_state_create(old, 2, 0, N_GROUPS - 1);
    struct weir_key_ref key = make_key(3);
    for (uint32_t i = 0; i < 2; i++)
        *(struct before *)set->ops->value_edit(set, i, &key, 0) = (struct before){-5, 0.5f, {0}};
    struct weir_snapshot all = {0};
    cut(&g, set, &all);
    set->ops->destroy(set);

    struct weir_restore *restore;
    CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, new, 1, g.key, &restore, &error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_restore_state(restore, 0)->result, WEIR_DROPPED);
    CU_ASSERT_EQUAL(weir_restore_state(restore, 1)->result, WEIR_MIGRATED);
    CU_ASSERT_STRING_EQUAL(weir_restore_state(restore, 1)->why,
                           "'a' is widened from i32 to i64; 'b' is widened from f32 to f64; 'c' is dropped; "
                           "'fresh' is new and starts at zero");
    set = weir_heap_state_create(new, 1, 0, N_GROUPS - 1);
    CU_ASSERT_EQUAL(weir_restore_group(restore, all.keyed.p, all.keyed.n, key.group, set, NULL, &error), WEIR_OK);
    const struct after *found = set->ops->value_get(set, 0, &key, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    CU_ASSERT(found->a == -5 && found->b == 0.5 && found->fresh == 0);
    set->ops->destroy(set);
    weir_restore_destroy(restore);

    CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, wrong, 2, g.key, &restore, &error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_restore_state(restore, 0)->result, WEIR_REFUSED); /* another kind */
    CU_ASSERT_EQUAL(weir_restore_state(restore, 1)->result, WEIR_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(weir_restore_state(restore, 1)->why, "'c' was string and is now bytes"));
    set = weir_heap_state_create(wrong, 2, 0, N_GROUPS - 1);
    CU_ASSERT_EQUAL(weir_restore_group(restore, all.keyed.p, all.keyed.n, key.group, set, NULL, &error), WEIR_E_CONFIG);
    set->ops->destroy(set);
    weir_restore_destroy(restore);
    weir_snapshot_finish(&all);
    for (int i = 0; i < 2; i++) weir_state_layout_finish(&old[i]);
    for (int i = 0; i < 2; i++) weir_state_layout_finish(&wrong[i]);
    weir_state_layout_finish(&new[0]);
    finish(&g);
}

/* ---- defaults, and components that migrate ----------------------------------------------------------------------- */

struct with_defaults {
    bool on;
    int32_t small;
    int64_t wide, at;
    float single;
    double real;
    weir_str text, raw;
    int64_t a;
};
#define DEFAULT(T, m, t, d)                                                                                \
    {                                                                                                      \
        .name = #m, .type = t, .offset = offsetof(T, m), .size = sizeof(((T *)0)->m), .since = 2, .def = d \
    }
static const weir_field default_members[] = {DEFAULT(struct with_defaults, on, WEIR_BOOL, "true"),
                                             DEFAULT(struct with_defaults, small, WEIR_I32, "-7"),
                                             DEFAULT(struct with_defaults, wide, WEIR_I64, "1_000"),
                                             DEFAULT(struct with_defaults, at, WEIR_TIMESTAMP, "86400000"),
                                             DEFAULT(struct with_defaults, single, WEIR_F32, "0.5"),
                                             DEFAULT(struct with_defaults, real, WEIR_F64, "-1e9"),
                                             DEFAULT(struct with_defaults, text, WEIR_STRING, "?"),
                                             DEFAULT(struct with_defaults, raw, WEIR_BYTES, "xyz"),
                                             MEMBER(struct with_defaults, a, WEIR_I64)};
#define STATE_2(n, k, T, m)                                                                          \
    {                                                                                                \
        .name = n, .kind = k, .version = 2, .size = sizeof(T), .fields = m, .n_fields = WEIR_LEN(m), \
        .field_stride = sizeof(weir_field)                                                           \
    }
#define MAP_OF(K, km) .key_size = sizeof(K), .key_fields = km, .n_key_fields = WEIR_LEN(km)

/* A value, a list of two and a map of two, all of struct before, cut. */
static struct weir_key_ref cut_before(struct stage *g, const struct weir_state_owner *owners, uint32_t n_owners,
                                      struct weir_snapshot *to)
{
    static const weir_state of[] = {STATE("value", WEIR_VALUE, struct before, before_members),
                                    STATE("list", WEIR_LIST, struct before, before_members),
                                    {.name = "map",
                                     .kind = WEIR_MAP,
                                     .version = 1,
                                     .size = sizeof(struct before),
                                     .fields = before_members,
                                     .n_fields = WEIR_LEN(before_members),
                                     .field_stride = sizeof(weir_field),
                                     MAP_OF(struct map_key, key_members)}};
    struct weir_state_layout layouts[3];
    struct weir_error error;
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&layouts[i], &of[i], &error), WEIR_OK);
        layouts[i].owners = owners;
        layouts[i].n_owners = n_owners;
    }
    struct weir_state_set *set = weir_heap_state_create(layouts, 3, 0, N_GROUPS - 1);
    struct weir_key_ref key = make_key(3);
    for (int i = 0; i < 2; i++) {
        struct before b = {i - 5, 0.5f, {i ? "second" : "first", i ? 6 : 5}};
        struct map_key k = {{i ? "bb" : "a", i ? 2 : 1}};
        struct before *v = set->ops->value_edit(set, 0, &key, 0), *m;
        v->a = b.a, v->b = b.b;
        CU_ASSERT_EQUAL(set->ops->assign(set, 0, &v->c, b.c), WEIR_OK);
        CU_ASSERT_EQUAL(set->ops->list_add(set, 1, &key, 0, &b), WEIR_OK);
        m = set->ops->map_edit(set, 2, &key, 0, &k);
        m->a = b.a, m->b = b.b;
        CU_ASSERT_EQUAL(set->ops->assign(set, 2, &m->c, b.c), WEIR_OK);
    }
    cut(g, set, to);
    set->ops->destroy(set);
    for (int i = 0; i < 3; i++) weir_state_layout_finish(&layouts[i]);
    return key;
}

static void added_members_take_their_defaults(void)
{
    static const weir_state now = STATE_2("value", WEIR_VALUE, struct with_defaults, default_members);
    struct weir_state_layout layout;
    struct weir_snapshot all = {0};
    struct weir_restore *restore;
    struct weir_error error;
    struct stage g;
    init(&g);
    struct weir_key_ref key = cut_before(&g, NULL, 0, &all);
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&layout, &now, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, &layout, 1, g.key, &restore, &error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_restore_state(restore, 0)->result, WEIR_MIGRATED);
    CU_ASSERT_STRING_EQUAL(
        weir_restore_state(restore, 0)->why,
        "'a' is widened from i32 to i64; 'b' is dropped; 'c' is dropped; 'on' is new and starts at true; 'small' is new and "
        "starts at -7; 'wide' is new and starts at 1_000; 'at' is new and starts at 86400000; 'single' is new and starts at "
        "0.5; 'real' is new and starts at -1e9; 'text' is new and starts as \"?\"; 'raw' is new and starts as \"xyz\"");
    struct weir_state_set *set = weir_heap_state_create(&layout, 1, 0, N_GROUPS - 1);
    CU_ASSERT_EQUAL(weir_restore_group(restore, all.keyed.p, all.keyed.n, key.group, set, NULL, &error), WEIR_OK);
    const struct with_defaults *v = set->ops->value_get(set, 0, &key, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT(v->on && v->small == -7 && v->wide == 1000 && v->at == 86400000 && v->single == 0.5f && v->real == -1e9);
    CU_ASSERT(v->text.n == 1 && v->text.p[0] == '?' && v->raw.n == 3 && memcmp(v->raw.p, "xyz", 3) == 0 && v->a == -4);
    struct weir_key_ref other = make_key(4);
    const struct with_defaults *fresh = set->ops->value_edit(set, 0, &other, 0);
    CU_ASSERT(!fresh->on && fresh->small == 0 && fresh->text.n == 0); /* what is new is zeroed */
    set->ops->destroy(set);
    weir_restore_destroy(restore);
    weir_state_layout_finish(&layout);
    weir_snapshot_finish(&all);
    finish(&g);
}

/* c, a text, has become its length; the key of the map a number. */
struct migrated {
    double b;
    int32_t c, a;
};
struct migrated_key {
    int64_t name;
};
static const weir_field migrated_members[] = {MEMBER(struct migrated, b, WEIR_F64), MEMBER(struct migrated, c, WEIR_I32),
                                              MEMBER(struct migrated, a, WEIR_I32)};
static const weir_field migrated_key_members[] = {MEMBER(struct migrated_key, name, WEIR_I64)};
static const weir_state migrated_states[] = {STATE_2("value", WEIR_VALUE, struct migrated, migrated_members),
                                             STATE_2("list", WEIR_LIST, struct migrated, migrated_members),
                                             {.name = "map",
                                              .kind = WEIR_MAP,
                                              .version = 2,
                                              .size = sizeof(struct migrated),
                                              .fields = migrated_members,
                                              .n_fields = WEIR_LEN(migrated_members),
                                              .field_stride = sizeof(weir_field),
                                              MAP_OF(struct migrated_key, migrated_key_members)}};
struct migrator {
    int asked, migrated;
    bool refuses, confuses;
};

static weir_str text_of(const weir_field *fields, uint32_t n, const void *old, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            CU_ASSERT(fields[i].type == WEIR_STRING || fields[i].type == WEIR_BYTES);
            return *(const weir_str *)(const void *)((const char *)old + fields[i].offset);
        }
    }
    CU_FAIL("a member that was saved is not told");
    return (weir_str){0};
}

static weir_status migrate_before(void *arg, const weir_migration *g, struct weir_error *error)
{
    struct migrator *m = arg;
    CU_ASSERT(g->version == 1 && g->n_fields == 3 && g->field_stride == sizeof(weir_field));
    if (!g->old) {
        m->asked++;
        return m->refuses ? weir_error_set(error, WEIR_E_CONFIG, "not from version 1") : WEIR_OK;
    }
    struct migrated *now = g->now;
    m->migrated++;
    CU_ASSERT(now->b == 0.5 && now->a < 0 && now->c == 0); /* as far as the rules go */
    now->c = (int32_t)text_of(g->fields, g->n_fields, g->old, "c").n;
    CU_ASSERT_EQUAL(g->kind == WEIR_MAP || g->kind == WEIR_BROADCAST, g->old_key != NULL);
    if (g->old_key)
        ((struct migrated_key *)g->now_key)->name =
            m->confuses ? 1 : (int64_t)text_of(g->key_fields, g->n_key_fields, g->old_key, "name").n;
    return WEIR_OK;
}

static void expect_migrated(struct weir_state_set *set, const struct weir_key_ref *key)
{
    const struct migrated *v = set->ops->value_get(set, 0, key, 0);
    CU_ASSERT(v && v->a == -4 && v->b == 0.5 && v->c == 6);
    CU_ASSERT_EQUAL(set->ops->list_size(set, 1, key, 0), 2);
    for (int32_t i = 0; i < 2; i++) {
        const struct migrated_key k = {i + 1};
        v = set->ops->list_at(set, 1, key, 0, (size_t)i);
        CU_ASSERT(v && v->a == i - 5 && v->c == 5 + i);
        v = set->ops->map_get(set, 2, key, 0, &k);
        CU_ASSERT(v && v->a == i - 5 && v->c == 5 + i);
    }
}

static void components_migrate_what_the_rules_cannot(void)
{
    struct migrator m = {0};
    struct weir_state_owner owners[3];
    struct weir_snapshot all = {0};
    struct weir_restore *restore;
    struct weir_error error;
    struct stage g;
    init(&g);
    struct weir_key_ref key = cut_before(&g, NULL, 0, &all);
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&g.layouts[i], &migrated_states[i], &error), WEIR_OK);
        owners[i] = (struct weir_state_owner){.state = i, .version = 2, .migrate = migrate_before, .arg = &m};
        g.layouts[i].owners = &owners[i];
        g.layouts[i].n_owners = 1;
    }
    CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, g.layouts, 3, g.key, &restore, &error), WEIR_OK);
    CU_ASSERT_EQUAL(m.asked, 3);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(weir_restore_state(restore, i)->result, WEIR_MIGRATED);
        CU_ASSERT_STRING_EQUAL(weir_restore_state(restore, i)->why, "migrated by the component");
    }
    for (size_t h = 0; h < N_HOLDERS; h++) {
        struct holder holder;
        struct weir_state_set *set = make_set(&g, &holder, holders[h]);
        weir_status s = weir_restore_group(restore, all.keyed.p, all.keyed.n, key.group, set, NULL, &error);
        CU_ASSERT_EQUAL(s, WEIR_OK);
        expect_migrated(set, &key);
        destroy_set(set, &holder);
    }
    CU_ASSERT_EQUAL(m.migrated, 5 * N_HOLDERS);

    m.confuses = true;
    struct weir_state_set *set = weir_heap_state_create(g.layouts, 3, 0, N_GROUPS - 1);
    CU_ASSERT_EQUAL(weir_restore_group(restore, all.keyed.p, all.keyed.n, key.group, set, NULL, &error), WEIR_E_PLUGIN);
    CU_ASSERT_STRING_EQUAL(error.text,
                           "state 'map' cannot be restored: the component migrates two entries of a map to the same key");
    set->ops->destroy(set);
    weir_restore_destroy(restore);

    m.refuses = true;
    CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, g.layouts, 3, g.key, &restore, &error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_restore_state(restore, 0)->result, WEIR_REFUSED);
    CU_ASSERT_STRING_EQUAL(weir_restore_state(restore, 0)->why, "not from version 1");
    weir_restore_destroy(restore);

    for (int i = 0; i < 3; i++) owners[i].migrate = NULL;
    CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, g.layouts, 3, g.key, &restore, &error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_restore_state(restore, 0)->result, WEIR_REFUSED);
    CU_ASSERT_STRING_EQUAL(weir_restore_state(restore, 0)->why,
                           "'b' is widened from f32 to f64; 'c' was string and is now i32");
    weir_restore_destroy(restore);
    weir_snapshot_finish(&all);
    finish(&g);
}

/* What a component keeps of an input may be laid out alike whatever the input's type is, as that of max is. */
static void inputs_of_other_types_are_another_layout(void)
{
    uint32_t number = WEIR_I64, text = WEIR_STRING, time = WEIR_TIMESTAMP;
    struct weir_state_owner of_number = {.version = 1, .n_inputs = 1, .inputs = &number}, now = of_number;
    static const weir_state same = STATE("value", WEIR_VALUE, struct before, before_members);
    struct weir_state_layout layout;
    struct weir_snapshot all = {0};
    struct weir_restore *restore;
    struct weir_error error;
    struct stage g;
    init(&g);
    cut_before(&g, &of_number, 1, &all);
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&layout, &same, &error), WEIR_OK);
    layout.owners = &now;
    layout.n_owners = 1;
    struct {
        uint32_t *type;
        enum weir_restored result;
    } cases[] = {{&number, WEIR_RESTORED}, {&time, WEIR_RESTORED}, {&text, WEIR_REFUSED}};
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        now.inputs = cases[i].type;
        CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, &layout, 1, g.key, &restore, &error), WEIR_OK);
        CU_ASSERT_EQUAL(weir_restore_state(restore, 0)->result, cases[i].result);
        if (cases[i].result == WEIR_REFUSED)
            CU_ASSERT_STRING_EQUAL(weir_restore_state(restore, 0)->why, "it was kept for input of i64, which is string now");
        weir_restore_destroy(restore);
    }
    struct migrator m = {0}; /* the version alone is a reason to ask */
    now = (struct weir_state_owner){.version = 2, .n_inputs = 1, .inputs = &number, .migrate = migrate_before, .arg = &m};
    CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, &layout, 1, g.key, &restore, &error), WEIR_OK);
    CU_ASSERT_EQUAL(m.asked, 1);
    weir_restore_destroy(restore);
    weir_state_layout_finish(&layout);
    weir_snapshot_finish(&all);
    finish(&g);
}

/* Accumulators lie side by side, and each component migrates its own. */
struct side_by_side {
    struct before left;
    int64_t room;
    struct before right;
};
struct side_by_side_now {
    struct migrated left;
    int64_t room;
    struct before right;
};
#define PART(T, p, m, n, t)                                                             \
    {                                                                                   \
        .name = n, .type = t, .offset = offsetof(T, p.m), .size = sizeof(((T *)0)->p.m) \
    }
static const weir_field both_members[] = {
    PART(struct side_by_side, left, a, "l.a", WEIR_I32),    PART(struct side_by_side, left, b, "l.b", WEIR_F32),
    PART(struct side_by_side, left, c, "l.c", WEIR_STRING), PART(struct side_by_side, right, a, "r.a", WEIR_I32),
    PART(struct side_by_side, right, b, "r.b", WEIR_F32),   PART(struct side_by_side, right, c, "r.c", WEIR_STRING)};
static const weir_field both_now_members[] = {
    PART(struct side_by_side_now, right, a, "l.a", WEIR_I32),    PART(struct side_by_side_now, right, b, "l.b", WEIR_F32),
    PART(struct side_by_side_now, right, c, "l.c", WEIR_STRING), PART(struct side_by_side_now, left, b, "r.b", WEIR_F64),
    PART(struct side_by_side_now, left, c, "r.c", WEIR_I32),     PART(struct side_by_side_now, left, a, "r.a", WEIR_I32)};

static void each_part_is_migrated_by_its_own_component(void)
{
    static const weir_state was = STATE("both", WEIR_VALUE, struct side_by_side, both_members);
    static const weir_state is = STATE("both", WEIR_VALUE, struct side_by_side_now, both_now_members);
    struct migrator m = {0};
    const struct weir_state_owner old_owners[] = {{.part = "l", .version = 1}, {.part = "r", .version = 1}};
    const struct weir_state_owner owners[] = {{.part = "r", .version = 2, .offset = 0, .migrate = migrate_before, .arg = &m},
                                              {.part = "l",
                                               .version = 1,
                                               .offset = offsetof(struct side_by_side_now, right),
                                               .migrate = migrate_before,
                                               .arg = &m}};
    struct weir_state_layout old, now;
    struct weir_snapshot all = {0};
    struct weir_restore *restore;
    struct weir_error error;
    struct stage g;
    init(&g);
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&old, &was, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&now, &is, &error), WEIR_OK);
    old.owners = old_owners, now.owners = owners;
    old.n_owners = now.n_owners = 2;
    struct weir_state_set *set = weir_heap_state_create(&old, 1, 0, N_GROUPS - 1);
    struct weir_key_ref key = make_key(3);
    struct side_by_side *both = set->ops->value_edit(set, 0, &key, 0);
    both->left = (struct before){.a = 7, .b = 1};
    both->right = (struct before){.a = -3, .b = 0.5f};
    CU_ASSERT_EQUAL(set->ops->assign(set, 0, &both->left.c, (weir_str){"left", 4}), WEIR_OK);
    CU_ASSERT_EQUAL(set->ops->assign(set, 0, &both->right.c, (weir_str){"to the right", 12}), WEIR_OK);
    cut(&g, set, &all);
    set->ops->destroy(set);

    CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, &now, 1, g.key, &restore, &error), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(weir_restore_state(restore, 0)->why, "r is migrated by the component");
    set = weir_heap_state_create(&now, 1, 0, N_GROUPS - 1);
    CU_ASSERT_EQUAL(weir_restore_group(restore, all.keyed.p, all.keyed.n, key.group, set, NULL, &error), WEIR_OK);
    const struct side_by_side_now *v = set->ops->value_get(set, 0, &key, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT(v->left.a == -3 && v->left.b == 0.5 && v->left.c == 12 && v->right.a == 7 && v->right.b == 1);
    CU_ASSERT(v->right.c.n == 4 && memcmp(v->right.c.p, "left", 4) == 0);
    CU_ASSERT(m.asked == 1 && m.migrated == 1);
    set->ops->destroy(set);
    weir_restore_destroy(restore);
    weir_snapshot_finish(&all);
    weir_state_layout_finish(&old);
    weir_state_layout_finish(&now);
    finish(&g);
}

/* The list has no names; the header has. */
static void broadcast_maps_evolve_too(void)
{
    struct migrator m = {0};
    const struct weir_key_ref nobody = weir_no_key;
    const struct weir_state_owner owner = {.version = 2, .migrate = migrate_before, .arg = &m};
    struct weir_state_layout old, now;
    struct weir_snapshot all = {0};
    struct weir_error error;
    weir_state was = STATE("rules", WEIR_BROADCAST, struct before, before_members), is = migrated_states[2];
    was.key_size = sizeof(struct map_key), was.key_fields = key_members, was.n_key_fields = 1;
    is.name = "rules", is.kind = WEIR_BROADCAST;
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&old, &was, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&now, &is, &error), WEIR_OK);
    struct weir_state_set *set = weir_unkeyed_create(&old, 1);
    const struct map_key name = {{"four", 4}};
    struct before *b = set->ops->map_edit(set, 0, &nobody, 0, &name);
    b->a = -1, b->b = 0.5f;
    CU_ASSERT_EQUAL(set->ops->assign(set, 0, &b->c, (weir_str){"abc", 3}), WEIR_OK);
    CU_ASSERT_EQUAL(weir_unkeyed_cut(set, true, &all, &error), WEIR_OK);
    set->ops->destroy(set);

    set = weir_unkeyed_create(&now, 1);
    CU_ASSERT_EQUAL(weir_unkeyed_restore(set, &all, 1, 0, 1, &error), WEIR_E_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "state 'rules' cannot be restored: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "'c' was string and is now i32"));
    now.owners = &owner;
    now.n_owners = 1;
    CU_ASSERT_EQUAL(weir_unkeyed_restore(set, &all, 1, 0, 1, &error), WEIR_OK);
    const struct migrated_key k = {4};
    const struct migrated *v = set->ops->map_get(set, 0, &nobody, 0, &k);
    CU_ASSERT(v && v->a == -1 && v->c == 3);
    set->ops->destroy(set);
    weir_snapshot_finish(&all);
    weir_state_layout_finish(&old);
    weir_state_layout_finish(&now);
}

WEIR_SUITE(evolve) = {
    {"members are found by name and widened", members_are_found_by_name_and_widened},
    {"added members take their defaults", added_members_take_their_defaults},
    {"components migrate what the rules cannot", components_migrate_what_the_rules_cannot},
    {"each part is migrated by its own component", each_part_is_migrated_by_its_own_component},
    {"broadcast maps evolve, too", broadcast_maps_evolve_too},
    {"inputs of other types are another layout", inputs_of_other_types_are_another_layout},
    {NULL, NULL},
};
