/* Fetching is a hint: whatever keys it is given, in a set that is larger than the cache or not, nothing changes. And many
 * keys that are looked up together are found where they are one by one. */
#include "base/random.h"
#include "data/key.h"
#include "harness/suite.h"
#include "state/state.h"

#define N_GROUPS 16
#define N_ROWS   1000
#define N_KEYS   20000

static const weir_field members[] = {{.name = "total", .type = WEIR_I64, .offset = 0, .size = 8}};
static const weir_state total = {.name = "total",
                                 .kind = WEIR_VALUE,
                                 .version = 1,
                                 .size = 8,
                                 .n_fields = 1,
                                 .fields = members,
                                 .field_stride = sizeof(weir_field)};

static struct weir_key_ref key_of(const int64_t *key)
{
    uint64_t hash = weir_key_hash64(key, sizeof *key);
    return (struct weir_key_ref){(const uint8_t *)key, sizeof *key, 3 + (uint32_t)(hash >> 32) % N_GROUPS, hash};
}

/* Half of the keys are not there, and some rows are of groups that are another subtask's. */
static void fetch_random(struct weir_state_set *set, struct weir_random *random)
{
    static uint64_t hashes[N_ROWS];
    static uint16_t groups[N_ROWS];
    static uint32_t states[N_ROWS];
    static int64_t numbers[N_ROWS];
    static struct weir_key_ref keys[N_ROWS];
    struct weir_rows rows = {.keys = {.hash = hashes, .key_group = groups}};
    rows.view.length = 1 + (int64_t)weir_random_below(random, N_ROWS);
    for (int64_t i = 0; i < rows.view.length; i++) {
        numbers[i] = (int64_t)weir_random_below(random, 2 * N_KEYS);
        keys[i] = key_of(&numbers[i]);
        hashes[i] = keys[i].hash;
        groups[i] = (uint16_t)(i % 50 ? keys[i].group : 2 + i % 2 * (N_GROUPS + 1));
        states[i] = (uint32_t)i % 2;
    }
    bool fetched = set->ops->fetch(set, &rows, 0);
    for (int64_t row = WEIR_STATE_FETCH; row < rows.view.length; row += WEIR_STATE_FETCH)
        CU_ASSERT_EQUAL(set->ops->fetch(set, &rows, row), fetched);
    CU_ASSERT_EQUAL(set->ops->fetch_keys(set, states, keys, (uint32_t)rows.view.length), fetched);
    CU_ASSERT_EQUAL(fetched, set->ops->entries(set, 0) > N_KEYS / 2);
}

static void what_is_fetched_stays_as_it_is(void)
{
    struct weir_state_layout layouts[2];
    struct weir_random random = {11};
    struct weir_error error;
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&layouts[i], &total, &error), WEIR_OK);
    struct weir_state_set *set = weir_heap_state_create(layouts, 2, 3, 3 + N_GROUPS - 1);
    fetch_random(set, &random);
    for (int64_t n = 0; n < N_KEYS; n++) {
        struct weir_key_ref key = key_of(&n);
        int64_t *value = set->ops->value_edit(set, 0, &key, 0);
        CU_ASSERT_FATAL(value != NULL);
        *value = n * 7;
        if (n == 100 || n == N_KEYS - 1) fetch_random(set, &random);
    }
    size_t bytes = set->ops->memory(set);
    for (int i = 0; i < 20; i++) fetch_random(set, &random);
    bool same = set->ops->entries(set, 0) == N_KEYS && set->ops->entries(set, 1) == 0;
    for (int64_t n = 0; n < N_KEYS; n++) {
        struct weir_key_ref key = key_of(&n);
        const int64_t *value = set->ops->value_get(set, 0, &key, 0);
        same = same && value && *value == n * 7;
    }
    CU_ASSERT(same);
    CU_ASSERT_EQUAL(set->ops->memory(set), bytes);
    set->ops->destroy(set);
    for (int i = 0; i < 2; i++) weir_state_layout_finish(&layouts[i]);
}

/* Of two states by turns; some keys are there, some come twice. */
static void look_up_random(struct weir_state_set *set, struct weir_random *random)
{
    enum { MOST = 100 };
    int64_t numbers[MOST];
    struct weir_key_ref keys[MOST];
    uint32_t states[MOST], n = 1 + (uint32_t)weir_random_below(random, MOST);
    const void *found[MOST];
    void *edited[MOST];
    for (uint32_t i = 0; i < n; i++) {
        numbers[i] = (int64_t)weir_random_below(random, N_KEYS);
        keys[i] = key_of(&numbers[i]);
        states[i] = i % 2;
    }
    set->ops->get_keys(set, states, keys, n, found);
    for (uint32_t i = 0; i < n; i++) CU_ASSERT_PTR_EQUAL(found[i], set->ops->value_get(set, states[i], &keys[i], 0));
    CU_ASSERT_EQUAL(set->ops->edit_keys(set, states, keys, n, edited), WEIR_OK);
    for (uint32_t i = 0; i < n; i++) {
        CU_ASSERT(!found[i] || found[i] == edited[i]);
        CU_ASSERT_PTR_EQUAL(edited[i], set->ops->value_edit(set, states[i], &keys[i], 0));
    }
    set->ops->settle(set);
}

static void together_is_as_one_by_one(void)
{
    struct weir_state_layout layouts[2];
    struct weir_random random = {12};
    struct weir_error error;
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&layouts[i], &total, &error), WEIR_OK);
    struct weir_state_set *set = weir_heap_state_create(layouts, 2, 3, 3 + N_GROUPS - 1);
    for (int i = 0; i < 1000; i++) look_up_random(set, &random);
    set->ops->destroy(set);
    for (int i = 0; i < 2; i++) weir_state_layout_finish(&layouts[i]);
}

WEIR_SUITE(heap_fetch) = {{"what is fetched stays as it is", what_is_fetched_stays_as_it_is},
                          {"keys looked up together are found as one by one", together_is_as_one_by_one},
                          {NULL, NULL}};
