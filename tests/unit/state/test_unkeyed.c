/* States that belong to no key: at every change of parallelism each subtask gets what semantics A6 says, by a slow model
 * that deals items one after the other; and what becomes of states whose declaration has changed. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/suite.h"
#include "state/unkeyed.h"

struct item {
    int64_t n;
    weir_str word;
};
#define MEMBER(T, m, t)                                                              \
    {                                                                                \
        .name = #m, .type = t, .offset = offsetof(T, m), .size = sizeof(((T *)0)->m) \
    }
static const weir_field members[] = {MEMBER(struct item, n, WEIR_I64), MEMBER(struct item, word, WEIR_STRING)};
static const weir_field key_members[] = {MEMBER(struct item, n, WEIR_I64)};
#define ITEMS .version = 1, .size = sizeof(struct item), .fields = members, .n_fields = 2, .field_stride = sizeof(weir_field)
#define RAW   .kind = WEIR_RAW, .version = 1, .size = sizeof(weir_str), .field_stride = sizeof(weir_field)
#define BY_N  .key_size = sizeof(struct item), .key_fields = key_members, .n_key_fields = 1
/* In no order; "value" has keys. */
static const weir_state declared[] = {
    {.name = "nuts", .kind = WEIR_SPLIT_LIST, ITEMS},
    {.name = "value", .kind = WEIR_VALUE, ITEMS},
    {.name = "all", .kind = WEIR_UNION_LIST, ITEMS},
    {.name = "apples", .kind = WEIR_SPLIT_LIST, ITEMS},
    {.name = "bytes", RAW},
    {.name = "zest", .kind = WEIR_SPLIT_LIST, ITEMS},
    {.name = "rules", .kind = WEIR_BROADCAST, ITEMS, BY_N},
};
#define N_STATES WEIR_LEN(declared)
#define MOST     5 /* subtasks */

static void declare(struct weir_state_layout *layouts, const weir_state *states, size_t n)
{
    struct weir_error error = {0};
    for (size_t i = 0; i < n; i++) {
        weir_status s = weir_state_layout_init(&layouts[i], &states[i], &error);
        if (s != WEIR_OK) fprintf(stderr, "%s\n", error.text);
        CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
    }
}

static void put(struct weir_state_set *set, uint32_t state, int64_t n)
{
    char word[32];
    struct item item = {.n = n, .word = {word, (size_t)snprintf(word, sizeof word, "w%lld", (long long)n)}};
    if (set->layouts[state].kind == WEIR_BROADCAST) {
        struct item *value = set->ops->map_edit(set, state, &weir_no_key, 0, &item);
        CU_ASSERT_PTR_NOT_NULL_FATAL(value);
        value->n = n;
        CU_ASSERT_EQUAL(set->ops->assign(set, state, &value->word, item.word), WEIR_OK);
        return;
    }
    const void *p = set->layouts[state].kind == WEIR_RAW ? (const void *)&item.word : &item;
    CU_ASSERT_EQUAL(set->ops->list_add(set, state, &weir_no_key, 0, p), WEIR_OK);
}

/* The numbers of what a state has; -1 where an item is not what was put there. */
static size_t take(struct weir_state_set *set, uint32_t state, int64_t *numbers)
{
    const struct weir_state_layout *l = &set->layouts[state];
    weir_cursor at = {0};
    const void *k, *v;
    size_t n = 0;
    if (l->kind == WEIR_BROADCAST) {
        while (set->ops->map_next(set, state, &weir_no_key, 0, &at, &k, &v))
            numbers[n++] = ((const struct item *)k)->n == ((const struct item *)v)->n ? ((const struct item *)v)->n : -1;
        return n;
    }
    for (; n < set->ops->list_size(set, state, &weir_no_key, 0); n++) {
        const void *item = set->ops->list_at(set, state, &weir_no_key, 0, n);
        const weir_str *word = l->kind == WEIR_RAW ? item : &((const struct item *)item)->word;
        char text[32];
        long long number = 0;
        snprintf(text, sizeof text, "%.*s", (int)word->n, word->p);
        if (sscanf(text, "w%lld", &number) != 1) number = -1;
        numbers[n] = l->kind == WEIR_RAW || ((const struct item *)item)->n == number ? number : -1;
    }
    return n;
}

/* ---- the model --------------------------------------------------------------------------------------------------- */

struct had {
    int64_t numbers[MOST * 16];
    size_t n;
};

static void give(struct had *to, const struct had *from)
{
    memcpy(to->numbers + to->n, from->numbers, from->n * sizeof *from->numbers);
    to->n += from->n;
}

/* As RoundRobinOperatorStateRepartitioner does: a receiver after the other takes its share from the front. */
static uint32_t deal(const struct had *all, uint32_t to_n, uint32_t start, struct had *to)
{
    size_t share = all->n / to_n, at = 0;
    int64_t more = (int64_t)(all->n % to_n);
    uint32_t next = start;
    for (uint32_t i = 0; i < to_n; i++) {
        uint32_t receiver = (i + start) % to_n;
        size_t n = share;
        if (more > 0) n++;
        if (more == 0) next = receiver;
        more--;
        while (n-- > 0) to[receiver].numbers[to[receiver].n++] = all->numbers[at++];
    }
    return next;
}

static void model(struct had had[N_STATES][MOST], uint32_t from_n, uint32_t to_n, struct had expected[N_STATES][MOST])
{
    static const uint32_t by_name[] = {3, 4, 0, 5}; /* apples, bytes, nuts, zest */
    uint32_t start = 0;
    memset(expected, 0, N_STATES * sizeof *expected);
    for (size_t i = 0; i < WEIR_LEN(by_name); i++) {
        uint32_t s = by_name[i];
        struct had all = {0};
        for (uint32_t k = 0; k < from_n; k++) give(&all, &had[s][k]);
        if (from_n != to_n) start = deal(&all, to_n, start, expected[s]);
        for (uint32_t k = 0; from_n == to_n && k < to_n; k++) give(&expected[s][k], &had[s][k]);
    }
    for (uint32_t k = 0; k < to_n; k++) {
        for (uint32_t i = 0; i < from_n; i++) give(&expected[2][k], &had[2][i]);
        give(&expected[6][k], &had[6][k % from_n]);
    }
}

/* ---- against it -------------------------------------------------------------------------------------------------- */

static void fill(struct weir_random *random, struct weir_state_set *set, uint32_t subtask, struct had had[N_STATES][MOST])
{
    for (uint32_t s = 0; s < N_STATES; s++) {
        struct had *h = &had[s][subtask];
        h->n = 0;
        if (declared[s].kind == WEIR_VALUE) continue;
        uint32_t n = weir_random_below(random, 3) ? (uint32_t)weir_random_below(random, 12) : 0;
        for (uint32_t i = 0; i < n; i++) {
            h->numbers[h->n++] = (int64_t)(s * 10000 + subtask * 100 + i);
            put(set, s, h->numbers[h->n - 1]);
        }
    }
}

static bool check(struct weir_state_set *set, uint32_t subtask, struct had expected[N_STATES][MOST])
{
    bool same = true;
    for (uint32_t s = 0; s < N_STATES; s++) {
        int64_t numbers[MOST * 16];
        if (declared[s].kind == WEIR_VALUE) continue;
        const struct had *e = &expected[s][subtask];
        size_t n = take(set, s, numbers);
        bool fine = n == e->n && memcmp(numbers, e->numbers, n * sizeof *numbers) == 0;
        if (!fine) fprintf(stderr, "state %s of subtask %u: %zu items for %zu\n", declared[s].name, subtask, n, e->n);
        same &= fine;
    }
    return same;
}

static void run_case(struct weir_random *random, struct weir_state_layout *layouts, uint32_t from_n, uint32_t to_n)
{
    static struct had had[N_STATES][MOST], expected[N_STATES][MOST];
    struct weir_snapshot parts[MOST] = {0};
    struct weir_error error = {0};
    for (uint32_t i = 0; i < from_n; i++) {
        struct weir_state_set *set = weir_unkeyed_create(layouts, N_STATES);
        fill(random, set, i, had);
        CU_ASSERT_EQUAL(weir_unkeyed_cut(set, true, &parts[i], &error), WEIR_OK);
        set->ops->destroy(set);
    }
    model(had, from_n, to_n, expected);
    for (uint32_t i = 0; i < to_n; i++) {
        struct weir_state_set *set = weir_unkeyed_create(layouts, N_STATES);
        weir_status s = weir_unkeyed_restore(set, parts, from_n, i, to_n, &error);
        if (s != WEIR_OK) fprintf(stderr, "%s\n", error.text);
        CU_ASSERT_EQUAL(s, WEIR_OK);
        bool same = check(set, i, expected);
        if (!same) fprintf(stderr, "from %u to %u\n", from_n, to_n);
        CU_ASSERT(same);
        set->ops->destroy(set);
    }
    for (uint32_t i = 0; i < from_n; i++) weir_snapshot_finish(&parts[i]);
}

static void TRAP_lists_are_dealt_in_runs_with_a_rotating_start(void)
{
    struct weir_state_layout layouts[N_STATES];
    struct weir_random random = {11};
    declare(layouts, declared, N_STATES);
    for (int round = 0; round < 40; round++) {
        for (uint32_t from_n = 1; from_n <= MOST; from_n++) {
            for (uint32_t to_n = 1; to_n <= MOST; to_n++) run_case(&random, layouts, from_n, to_n);
        }
    }
    for (size_t i = 0; i < N_STATES; i++) weir_state_layout_finish(&layouts[i]);
}

/* By hand, so that the model is not alone: 7 apples, then 5 nuts, from 2 to 3. */
static void runs_are_what_the_rule_says(void)
{
    static const weir_state states[] = {{.name = "nuts", .kind = WEIR_SPLIT_LIST, ITEMS},
                                        {.name = "apples", .kind = WEIR_SPLIT_LIST, ITEMS}};
    static const char *const expected[] = {"apples 1 2 3 nuts 15", "apples 4 5 nuts 11 12", "apples 6 7 nuts 13 14"};
    struct weir_state_layout layouts[2];
    struct weir_snapshot parts[2] = {0};
    struct weir_error error = {0};
    declare(layouts, states, 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct weir_state_set *set = weir_unkeyed_create(layouts, 2);
        for (int64_t n = i ? 3 : 1; n <= (i ? 7 : 2); n++) put(set, 1, n);
        for (int64_t n = i ? 15 : 11; n <= (i ? 15 : 14); n++) put(set, 0, n);
        CU_ASSERT_EQUAL(weir_unkeyed_cut(set, true, &parts[i], &error), WEIR_OK);
        set->ops->destroy(set);
    }
    for (uint32_t i = 0; i < 3; i++) {
        struct weir_state_set *set = weir_unkeyed_create(layouts, 2);
        char found[128] = "apples";
        int64_t numbers[16];
        CU_ASSERT_EQUAL(weir_unkeyed_restore(set, parts, 2, i, 3, &error), WEIR_OK);
        for (uint32_t s = 2; s-- > 0;) {
            size_t n = take(set, s, numbers);
            if (s == 0) strcat(found, " nuts");
            for (size_t k = 0; k < n; k++) sprintf(found + strlen(found), " %lld", (long long)numbers[k]);
        }
        CU_ASSERT_STRING_EQUAL(found, expected[i]);
        set->ops->destroy(set);
    }
    for (int i = 0; i < 2; i++) weir_snapshot_finish(&parts[i]);
    for (int i = 0; i < 2; i++) weir_state_layout_finish(&layouts[i]);
}

/* ---- other declarations ------------------------------------------------------------------------------------------ */

struct changed {
    double added, n;
};
struct narrow {
    int32_t n;
};
struct wide {
    int64_t added, n;
};
static const weir_field changed_members[] = {MEMBER(struct changed, added, WEIR_F64), MEMBER(struct changed, n, WEIR_F64)};
static const weir_field narrow_members[] = {MEMBER(struct narrow, n, WEIR_I32)};
static const weir_field wide_members[] = {MEMBER(struct wide, added, WEIR_I64), MEMBER(struct wide, n, WEIR_I64)};
#define OF(T, m) .version = 1, .size = sizeof(T), .fields = m, .n_fields = WEIR_LEN(m), .field_stride = sizeof(weir_field)
#define NARROW   OF(struct narrow, narrow_members)
#define WIDE     OF(struct wide, wide_members)

static void cut_narrow(const weir_state *state, bool with_header, struct weir_snapshot *to)
{
    struct weir_state_layout layout;
    struct weir_error error = {0};
    declare(&layout, state, 1);
    struct weir_state_set *set = weir_unkeyed_create(&layout, 1);
    if (state->kind == WEIR_BROADCAST) {
        ((struct narrow *)set->ops->map_edit(set, 0, &weir_no_key, 0, &(struct narrow){7}))->n = 9;
    } else {
        const void *item = state->kind == WEIR_RAW ? (const void *)&(weir_str){"7", 1} : &(struct wide){9, 9};
        CU_ASSERT_EQUAL(set->ops->list_add(set, 0, &weir_no_key, 0, item), WEIR_OK);
    }
    CU_ASSERT_EQUAL(weir_unkeyed_cut(set, with_header, to, &error), WEIR_OK);
    set->ops->destroy(set);
    weir_state_layout_finish(&layout);
}

static void members_are_found_by_name(void)
{
    static const weir_state before[] = {{.name = "s", .kind = WEIR_SPLIT_LIST, NARROW},
                                        {.name = "s", .kind = WEIR_UNION_LIST, NARROW},
                                        {.name = "s",
                                         .kind = WEIR_BROADCAST,
                                         NARROW,
                                         .key_size = sizeof(struct narrow),
                                         .key_fields = narrow_members,
                                         .n_key_fields = 1}};
    for (size_t i = 0; i < WEIR_LEN(before); i++) {
        weir_state after = {.name = "s", .kind = before[i].kind, WIDE};
        struct weir_state_layout layout;
        struct weir_snapshot cut = {0};
        struct weir_error error = {0};
        struct wide key = {0, 7};
        if (after.kind == WEIR_BROADCAST) {
            after.key_size = sizeof(struct wide);
            after.key_fields = wide_members;
            after.n_key_fields = 2;
        }
        cut_narrow(&before[i], true, &cut);
        declare(&layout, &after, 1);
        struct weir_state_set *set = weir_unkeyed_create(&layout, 1);
        CU_ASSERT_EQUAL(weir_unkeyed_restore(set, &cut, 1, 0, 1, &error), WEIR_OK);
        const struct wide *found = after.kind == WEIR_BROADCAST ? set->ops->map_get(set, 0, &weir_no_key, 0, &key)
                                                                : set->ops->list_at(set, 0, &weir_no_key, 0, 0);
        CU_ASSERT_FATAL(found != NULL);
        CU_ASSERT(found->n == 9 && found->added == 0);
        set->ops->destroy(set);
        weir_state_layout_finish(&layout);
        weir_snapshot_finish(&cut);
    }
}

static void what_cannot_be_read_is_refused(void)
{
    static const struct {
        weir_state before, after;
        const char *why;
    } cases[] = {
        {{.name = "s", .kind = WEIR_SPLIT_LIST, WIDE},
         {.name = "s", .kind = WEIR_SPLIT_LIST, NARROW},
         "state 's' cannot be restored: 'added' is dropped; 'n' was i64 and is now i32"},
        {{.name = "s", .kind = WEIR_SPLIT_LIST, NARROW},
         {.name = "s", .kind = WEIR_UNION_LIST, NARROW},
         "state 's' cannot be restored: it was a state of kind split_list and is now of kind union_list"},
        {{.name = "s", RAW},
         {.name = "s", .kind = WEIR_SPLIT_LIST, NARROW},
         "it was a state of kind raw and is now of kind split_list"},
        {{.name = "s", .kind = WEIR_UNION_LIST, WIDE},
         {.name = "s", .kind = WEIR_UNION_LIST, OF(struct changed, changed_members)},
         "'n' was i64 and is now f64"},
    };
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        struct weir_state_layout layouts[2];
        struct weir_snapshot cut = {0};
        struct weir_error error = {0};
        const weir_state both[] = {cases[i].after, {.name = "other", RAW}};
        cut_narrow(&cases[i].before, true, &cut);
        declare(layouts, both, 2);
        struct weir_state_set *set = weir_unkeyed_create(layouts, 2);
        CU_ASSERT_EQUAL(weir_unkeyed_restore(set, &cut, 1, 0, 1, &error), WEIR_E_CONFIG);
        WEIR_ASSERT_CONTAINS(error.text, cases[i].why);
        set->ops->destroy(set);
        for (int k = 0; k < 2; k++) weir_state_layout_finish(&layouts[k]);
        weir_snapshot_finish(&cut);
    }
}

/* Broadcast states without keys had no header once. */
static void without_a_header_members_are_as_they_are(void)
{
    static const weir_state rules = {.name = "s",
                                     .kind = WEIR_BROADCAST,
                                     NARROW,
                                     .key_size = sizeof(struct narrow),
                                     .key_fields = narrow_members,
                                     .n_key_fields = 1};
    struct weir_state_layout layout;
    struct weir_snapshot cut = {0};
    struct weir_error error = {0};
    cut_narrow(&rules, false, &cut);
    CU_ASSERT_EQUAL(cut.header.n, 0);
    declare(&layout, &rules, 1);
    struct weir_state_set *set = weir_unkeyed_create(&layout, 1);
    CU_ASSERT_EQUAL(weir_unkeyed_restore(set, &cut, 1, 2, 4, &error), WEIR_OK);
    const struct narrow *found = set->ops->map_get(set, 0, &weir_no_key, 0, &(struct narrow){7});
    CU_ASSERT(found && found->n == 9);
    cut.lists[0].bytes.p[0] = 0xc1; /* no msgpack */
    CU_ASSERT_EQUAL(weir_unkeyed_restore(set, &cut, 1, 2, 4, &error), WEIR_E_DATA);
    set->ops->destroy(set);
    weir_state_layout_finish(&layout);
    weir_snapshot_finish(&cut);
}

static void raw_bytes_are_forgotten(void)
{
    static const weir_state states[] = {{.name = "raw", RAW}, {.name = "s", .kind = WEIR_SPLIT_LIST, NARROW}};
    struct weir_state_layout layouts[2];
    declare(layouts, states, 2);
    struct weir_state_set *set = weir_unkeyed_create(layouts, 2);
    CU_ASSERT_EQUAL(set->ops->list_add(set, 0, &weir_no_key, 0, &(weir_str){"7", 1}), WEIR_OK);
    CU_ASSERT_EQUAL(set->ops->list_add(set, 1, &weir_no_key, 0, &(struct narrow){9}), WEIR_OK);
    weir_unkeyed_forget_raw(set);
    CU_ASSERT_EQUAL(set->ops->list_size(set, 0, &weir_no_key, 0), 0);
    CU_ASSERT_EQUAL(set->ops->list_size(set, 1, &weir_no_key, 0), 1);
    weir_unkeyed_forget_raw(NULL);
    set->ops->destroy(set);
    CU_ASSERT_PTR_NULL(weir_unkeyed_create(layouts, 0));
    for (int k = 0; k < 2; k++) weir_state_layout_finish(&layouts[k]);
}

WEIR_SUITE(unkeyed) = {
    {"TRAP LIST (split): CONTIGUOUS runs, the first total%p receivers (rotating start across state names) get one more; "
     "UNION: every task gets everything, also at equal p; BROADCAST: copy i % oldP",
     TRAP_lists_are_dealt_in_runs_with_a_rotating_start},
    {"runs are what the rule says", runs_are_what_the_rule_says},
    {"members are found by name", members_are_found_by_name},
    {"what cannot be read is refused", what_cannot_be_read_is_refused},
    {"without a header members are as they are", without_a_header_members_are_as_they_are},
    {"raw bytes are forgotten", raw_bytes_are_forgotten},
    {NULL, NULL},
};
