/* The writer: the rules of the eight partitioners (A3) one by one, marks, parking; and random streams cut at random. */
#include "channel/writer.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "data/key.h"
#include "harness/suite.h"

#define MAX_RINGS 8
#define MAX_SENT  2000

/* ---- a writer with its rings; what arrives is taken apart into row ids ------------------------------------------- */

struct bench {
    struct weir_pool *pool;
    struct weir_schema *schema;
    struct weir_ring *rings[MAX_RINGS];
    struct weir_writer *writer;
    uint32_t n;
    int64_t received[MAX_RINGS][MAX_SENT]; /* the i64 of column 0 */
    uint32_t n_received[MAX_RINGS], pushed[MAX_RINGS];
    struct weir_error error;
};
static struct bench b;

static void count_push(void *arg, uint32_t channel)
{
    ((struct bench *)arg)->pushed[channel]++;
}

static struct weir_schema *ids_schema(weir_type type)
{
    struct weir_schema_builder fields = {0};
    weir_schema_builder_add(&fields, "id", type, true);
    return weir_schema_build(&fields);
}

static struct weir_writer_options options(enum weir_partition_kind partition)
{
    return (struct weir_writer_options){.partition = partition, .batch_rows = 4, .max_parallelism = 128, .seed = 7};
}

/* Takes the schema. */
static void open_bench(uint32_t n, uint32_t capacity, struct weir_schema *schema, struct weir_writer_options o)
{
    memset(&b, 0, sizeof b);
    b.n = n;
    b.pool = weir_pool_create();
    b.schema = schema;
    for (uint32_t i = 0; i < n; i++) {
        b.rings[i] = weir_try_alloc_aligned(128, sizeof *b.rings[i]);
        CU_ASSERT_FATAL(weir_ring_init(b.rings[i], capacity, NULL) == WEIR_OK);
    }
    o.pool = b.pool;
    o.schema = schema;
    o.rings = b.rings;
    o.n_rings = o.receivers = n;
    o.pushed = count_push;
    o.pushed_arg = &b;
    o.where = "node 'pages'";
    CU_ASSERT_FATAL(weir_writer_create(&o, &b.writer, &b.error) == WEIR_OK);
}
static void close_bench(void)
{
    weir_writer_destroy(b.writer);
    for (uint32_t i = 0; i < b.n; i++) {
        weir_ring_finish(b.rings[i]);
        weir_free(b.rings[i]);
    }
    weir_schema_release(b.schema);
    weir_pool_close(b.pool);
}

/* Rows first .. first + n - 1 of a stream of one i64 column whose value is the row's number. */
static struct weir_rows *ids(int64_t first, int64_t n)
{
    struct weir_builder builder;
    int32_t forgotten;
    CU_ASSERT_FATAL(weir_builder_init(&builder, b.pool, b.schema, NULL, 0, n, true, false, NULL) == WEIR_OK);
    for (int64_t i = 0; i < n; i++) {
        ((int64_t *)builder.columns[0].data)[i] = first + i;
        builder.out.time[i] = first + i;
    }
    builder.out.length = n;
    struct weir_rows *rows = weir_builder_take(&builder, 1, NULL, &forgotten);
    CU_ASSERT_FATAL(rows != NULL);
    weir_builder_finish(&builder);
    return rows;
}

static void put(struct weir_rows *rows)
{
    CU_ASSERT_EQUAL(weir_writer_put_rows(b.writer, rows, &b.error), WEIR_OK);
    weir_rows_release(rows);
}

static bool pop(uint32_t channel)
{
    struct weir_element e;
    if (!weir_ring_pop(b.rings[channel], &e)) return false;
    if (e.kind != WEIR_ELEMENT_ROWS) return true;
    for (int64_t i = 0; i < e.rows->view.length; i++) {
        b.received[channel][b.n_received[channel]++] = weir_i64((weir_row){&e.rows->view, i}, 0);
    }
    weir_rows_release(e.rows);
    return true;
}

static void pop_all(void)
{
    CU_ASSERT_EQUAL(weir_writer_flush(b.writer, false, &b.error), WEIR_OK);
    do {
        weir_writer_drain(b.writer);
        for (uint32_t i = 0; i < b.n; i++) {
            while (pop(i)) continue;
        }
    } while (!weir_writer_accepts(b.writer));
    CU_ASSERT_FALSE(weir_writer_has_partial(b.writer));
}

static bool received_is(uint32_t channel, int64_t first, int64_t step, uint32_t n)
{
    bool ok = b.n_received[channel] == n;
    for (uint32_t i = 0; i < n && ok; i++) ok = b.received[channel][i] == first + step * i;
    return ok;
}

/* ---- the partitioners -------------------------------------------------------------------------------------------- */

static void to_channel_0_by_reference(enum weir_partition_kind partition, uint32_t n)
{
    struct weir_element e;
    open_bench(n, 64, ids_schema(WEIR_I64), options(partition));
    struct weir_rows *rows = ids(0, 10);
    CU_ASSERT_EQUAL(weir_writer_put_rows(b.writer, rows, &b.error), WEIR_OK);
    CU_ASSERT(weir_ring_pop(b.rings[0], &e));
    CU_ASSERT_PTR_EQUAL(e.rows, rows);
    weir_rows_release(rows);
    weir_rows_release(e.rows);
    for (uint32_t i = 0; i < n; i++) CU_ASSERT(weir_ring_is_empty(b.rings[i]));
    close_bench();
}
static void forward_is_channel_0(void)
{
    to_channel_0_by_reference(WEIR_PARTITION_FORWARD, 1);
}
static void global_is_always_channel_0(void)
{
    to_channel_0_by_reference(WEIR_PARTITION_GLOBAL, 3);
}
static void one_channel_takes_whole_batches(void)
{
    to_channel_0_by_reference(WEIR_PARTITION_REBALANCE, 1);
    to_channel_0_by_reference(WEIR_PARTITION_RESCALE, 1);
    to_channel_0_by_reference(WEIR_PARTITION_SHUFFLE, 1);
    to_channel_0_by_reference(WEIR_PARTITION_BROADCAST, 1);
}

static void broadcast_shares_the_rows(void)
{
    struct weir_element e[3];
    open_bench(3, 64, ids_schema(WEIR_I64), options(WEIR_PARTITION_BROADCAST));
    struct weir_rows *rows = ids(0, 10);
    CU_ASSERT_EQUAL(weir_writer_put_rows(b.writer, rows, &b.error), WEIR_OK);
    CU_ASSERT_EQUAL(atomic_load(&rows->refs), 4);
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT(weir_ring_pop(b.rings[i], &e[i]));
        CU_ASSERT_PTR_EQUAL(e[i].rows, rows);
        weir_rows_release(e[i].rows);
    }
    weir_rows_release(rows);
    close_bench();
}

static void rebalance_starts_anywhere_and_goes_round(void)
{
    bool started[4] = {false};
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct weir_writer_options o = options(WEIR_PARTITION_REBALANCE);
        o.seed = seed;
        open_bench(4, 64, ids_schema(WEIR_I64), o);
        put(ids(0, 5));
        put(ids(5, 11));
        pop_all();
        uint32_t start = 0;
        while (start < 3 && b.received[start][0] != 0) start++;
        started[start] = true;
        for (uint32_t i = 0; i < 4; i++) CU_ASSERT(received_is((start + i) % 4, i, 4, 4));
        close_bench();
    }
    CU_ASSERT(started[0] && started[1] && started[2] && started[3]);
}

static void rescale_starts_at_channel_0(void)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct weir_writer_options o = options(WEIR_PARTITION_RESCALE);
        o.seed = seed;
        open_bench(3, 64, ids_schema(WEIR_I64), o);
        put(ids(0, 1));
        put(ids(1, 7));
        put(ids(8, 1));
        pop_all();
        for (uint32_t i = 0; i < 3; i++) CU_ASSERT(received_is(i, i, 3, 3));
        close_bench();
    }
}

static void shuffle_is_uniform(void)
{
    uint32_t counts[4] = {0};
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct weir_writer_options o = options(WEIR_PARTITION_SHUFFLE);
        o.seed = seed;
        open_bench(4, 1000, ids_schema(WEIR_I64), o);
        put(ids(0, MAX_SENT));
        pop_all();
        for (uint32_t i = 0; i < 4; i++) {
            counts[i] += b.n_received[i];
            for (uint32_t r = 1; r < b.n_received[i]; r++) CU_ASSERT(b.received[i][r] > b.received[i][r - 1]);
        }
        close_bench();
    }
    /* 40000 rows: a standard deviation is 87. */
    for (uint32_t i = 0; i < 4; i++) CU_ASSERT(counts[i] > 9500 && counts[i] < 10500);
}

static weir_status square(void *arg, struct weir_rows *rows, uint32_t n_targets, uint32_t *targets, struct weir_error *error)
{
    (void)error;
    for (int64_t i = 0; i < rows->view.length; i++) {
        int64_t id = weir_i64((weir_row){&rows->view, i}, 0);
        targets[i] = id == *(const int64_t *)arg ? n_targets + 2 : (uint32_t)(id * id % n_targets);
    }
    return WEIR_OK;
}

static void custom_asks_the_partitioner(void)
{
    int64_t bad = -1;
    struct weir_writer_options o = options(WEIR_PARTITION_CUSTOM);
    o.custom = square;
    o.custom_arg = &bad;
    open_bench(3, 64, ids_schema(WEIR_I64), o);
    put(ids(0, 30));
    pop_all();
    CU_ASSERT(received_is(0, 0, 3, 10));
    CU_ASSERT_EQUAL(b.n_received[1], 20);
    CU_ASSERT_EQUAL(b.n_received[2], 0);
    close_bench();
}

static void custom_out_of_range_is_an_error(void)
{
    for (uint32_t n = 1; n <= 5; n += 4) {
        int64_t bad = 12;
        char target[32], range[48];
        struct weir_writer_options o = options(WEIR_PARTITION_CUSTOM);
        o.custom = square;
        o.custom_arg = &bad;
        open_bench(n, 64, ids_schema(WEIR_I64), o);
        put(ids(0, 12));
        struct weir_rows *rows = ids(12, 4);
        CU_ASSERT_EQUAL(weir_writer_put_rows(b.writer, rows, &b.error), WEIR_E_PLUGIN);
        snprintf(target, sizeof target, "target %u,", n + 2);
        snprintf(range, sizeof range, "there are %u targets", n);
        WEIR_ASSERT_CONTAINS(b.error.text, "node 'pages'");
        WEIR_ASSERT_CONTAINS(b.error.text, target);
        WEIR_ASSERT_CONTAINS(b.error.text, range);
        weir_rows_release(rows);
        close_bench();
    }
}

/* ---- keyBy ------------------------------------------------------------------------------------------------------- */

struct vector { /* semantics A2: key group at 128, subtask for parallelism 2, 4, 8 */
    int64_t number;
    const char *text;
    uint16_t group;
    uint32_t subtask[3];
};
static const struct vector long_vectors[] = {{.number = 0, .group = 94, .subtask = {1, 2, 5}},
                                             {.number = 1, .group = 86, .subtask = {1, 2, 5}},
                                             {.number = 42, .group = 29, .subtask = {0, 0, 1}},
                                             {.number = -1, .group = 94, .subtask = {1, 2, 5}},
                                             {.number = 1ll << 40, .group = 54, .subtask = {0, 1, 3}}};
static const struct vector int_vectors[] = {{.number = 0, .group = 94, .subtask = {1, 2, 5}},
                                            {.number = 42, .group = 29, .subtask = {0, 0, 1}},
                                            {.number = -1, .group = 80, .subtask = {1, 2, 5}}};
static const struct vector text_vectors[] = {
    {.text = "hello", .group = 35, .subtask = {0, 1, 2}},    {.text = "world", .group = 66, .subtask = {1, 2, 4}},
    {.text = "flink", .group = 98, .subtask = {1, 3, 6}},    {.text = "java", .group = 21, .subtask = {0, 0, 1}},
    {.text = "sensor_1", .group = 73, .subtask = {1, 2, 4}}, {.text = "Mary", .group = 42, .subtask = {0, 1, 2}},
    {.text = "传感器", .group = 119, .subtask = {1, 3, 7}}};

static struct weir_rows *vector_rows(const struct vector *v, int64_t n, weir_type type)
{
    struct weir_builder builder;
    int32_t forgotten;
    CU_ASSERT_FATAL(weir_builder_init(&builder, b.pool, b.schema, NULL, 0, n, true, false, NULL) == WEIR_OK);
    for (int64_t i = 0; i < n; i++, builder.out.length++) {
        weir_out_column *c = &builder.columns[0];
        if (type == WEIR_I64) ((int64_t *)c->data)[i] = v[i].number;
        if (type == WEIR_I32) ((int32_t *)c->data)[i] = (int32_t)v[i].number;
        if (type == WEIR_STRING) {
            memcpy((char *)c->data + c->offsets[i], v[i].text, strlen(v[i].text));
            c->offsets[i + 1] = c->offsets[i] + (int32_t)strlen(v[i].text);
        }
        builder.out.time[i] = i; /* tells rows apart on arrival */
    }
    struct weir_rows *rows = weir_builder_take(&builder, 0, NULL, &forgotten);
    CU_ASSERT_FATAL(rows != NULL);
    weir_builder_finish(&builder);
    return rows;
}

static void check_arrivals(const struct vector *v, uint32_t channel, uint32_t power, uint32_t *seen)
{
    struct weir_element e;
    while (weir_ring_pop(b.rings[channel], &e)) {
        for (int64_t i = 0; i < e.rows->view.length; i++) {
            const struct vector *want = &v[e.rows->view.time[i]];
            CU_ASSERT_EQUAL(want->subtask[power], channel);
            CU_ASSERT_EQUAL(want->group, e.rows->keys.key_group[i]);
            (*seen)++;
        }
        weir_rows_release(e.rows);
    }
}

static void check_vectors(const struct vector *v, int64_t n, weir_type type)
{
    const uint32_t field = 0;
    for (uint32_t power = 0; power < 3; power++) {
        struct weir_writer_options o = options(WEIR_PARTITION_KEY);
        uint32_t seen = 0;
        o.key_fields = &field;
        o.n_key_fields = 1;
        open_bench(2u << power, 64, ids_schema(type), o);
        put(vector_rows(v, n, type));
        CU_ASSERT_EQUAL(weir_writer_flush(b.writer, false, &b.error), WEIR_OK);
        for (uint32_t i = 0; i < b.n; i++) check_arrivals(v, i, power, &seen);
        CU_ASSERT_EQUAL(seen, n);
        close_bench();
    }
}

static void keys_go_where_flink_sends_them(void)
{
    check_vectors(long_vectors, WEIR_LEN(long_vectors), WEIR_I64);
    check_vectors(int_vectors, WEIR_LEN(int_vectors), WEIR_I32);
    check_vectors(text_vectors, WEIR_LEN(text_vectors), WEIR_STRING);
}

static struct weir_writer_options keyed(void)
{
    static const uint32_t field = 0;
    struct weir_writer_options o = options(WEIR_PARTITION_KEY);
    o.key_fields = &field;
    o.n_key_fields = 1;
    return o;
}

static void one_channel_gets_keys_without_a_copy(void)
{
    struct weir_element e;
    open_bench(1, 64, ids_schema(WEIR_I64), keyed());
    struct weir_rows *rows = ids(0, 100);
    CU_ASSERT_EQUAL(weir_writer_put_rows(b.writer, rows, &b.error), WEIR_OK);
    CU_ASSERT_PTR_NULL(rows->keys.hash); /* emitted rows do not change */
    CU_ASSERT(weir_ring_pop(b.rings[0], &e));
    CU_ASSERT_PTR_EQUAL(e.rows->view.columns[0].data, rows->view.columns[0].data);
    for (int64_t i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(e.rows->keys.hash[i], weir_key_hash64(&i, 8));
        CU_ASSERT_EQUAL(e.rows->keys.key_group[i], weir_key_group_of(weir_java_hash_i64(i), 128));
    }
    weir_rows_release(rows);
    weir_rows_release(e.rows);
    close_bench();
}

static void null_keys_are_an_error(void)
{
    static const uint8_t present[] = {0xfb, 0xff};
    for (uint32_t n = 1; n < 4; n += 2) {
        open_bench(n, 64, ids_schema(WEIR_I64), keyed());
        struct weir_rows *rows = ids(0, 10);
        rows->columns[0].validity = present;
        CU_ASSERT_EQUAL(weir_writer_put_rows(b.writer, rows, &b.error), WEIR_E_DATA);
        WEIR_ASSERT_CONTAINS(b.error.text, "node 'pages': the key field 'id' is null in row 3");
        weir_rows_release(rows);
        close_bench();
    }
}

/* ---- marks, parking, flushing ------------------------------------------------------------------------------------ */

static bool pop_is(uint32_t channel, enum weir_element_kind kind, int64_t value)
{
    struct weir_element e;
    if (!weir_ring_pop(b.rings[channel], &e) || e.kind != kind) return false;
    if (kind != WEIR_ELEMENT_ROWS) return e.value == value;
    bool ok = e.rows->view.length == value;
    weir_rows_release(e.rows);
    return ok;
}

static void marks_go_to_all_after_the_rows(void)
{
    open_bench(3, 64, ids_schema(WEIR_I64), options(WEIR_PARTITION_RESCALE));
    put(ids(0, 2)); /* one row for channel 0, one for 1 */
    CU_ASSERT(weir_writer_has_partial(b.writer));
    CU_ASSERT_EQUAL(weir_writer_put_mark(b.writer, WEIR_ELEMENT_WATERMARK, 99, &b.error), WEIR_OK);
    CU_ASSERT_FALSE(weir_writer_has_partial(b.writer));
    CU_ASSERT(pop_is(0, WEIR_ELEMENT_ROWS, 1) && pop_is(0, WEIR_ELEMENT_WATERMARK, 99));
    CU_ASSERT(pop_is(1, WEIR_ELEMENT_ROWS, 1) && pop_is(1, WEIR_ELEMENT_WATERMARK, 99));
    CU_ASSERT(pop_is(2, WEIR_ELEMENT_WATERMARK, 99));
    CU_ASSERT_EQUAL(weir_writer_put_mark(b.writer, WEIR_ELEMENT_BARRIER, 5, &b.error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_writer_put_mark(b.writer, WEIR_ELEMENT_IDLE, 1, &b.error), WEIR_OK);
    for (uint32_t i = 0; i < 3; i++) CU_ASSERT(pop_is(i, WEIR_ELEMENT_BARRIER, 5) && pop_is(i, WEIR_ELEMENT_IDLE, 1));
    close_bench();
}

static void what_finds_no_room_is_parked_in_order(void)
{
    open_bench(2, 1, ids_schema(WEIR_I64), options(WEIR_PARTITION_RESCALE));
    put(ids(0, 8)); /* a full batch each: fills both rings */
    CU_ASSERT(weir_writer_accepts(b.writer));
    put(ids(8, 8));
    CU_ASSERT_FALSE(weir_writer_accepts(b.writer));
    CU_ASSERT_EQUAL(weir_writer_put_mark(b.writer, WEIR_ELEMENT_WATERMARK, 7, &b.error), WEIR_OK); /* behind the rows */
    CU_ASSERT(pop(1));
    CU_ASSERT_FALSE(weir_writer_drain(b.writer)); /* channel 1 is free now, with its mark; channel 0 is not */
    CU_ASSERT_EQUAL(weir_ring_length(b.rings[1]), 2);
    CU_ASSERT_FALSE(weir_writer_accepts(b.writer));
    CU_ASSERT(pop(0));
    CU_ASSERT(weir_writer_drain(b.writer));
    CU_ASSERT(weir_writer_accepts(b.writer));
    for (uint32_t i = 0; i < 2; i++) {
        CU_ASSERT(pop_is(i, WEIR_ELEMENT_ROWS, 4) && pop_is(i, WEIR_ELEMENT_WATERMARK, 7));
        CU_ASSERT_EQUAL(b.pushed[i], 3);
    }
    close_bench();
}

static void destroy_releases_what_is_parked(void)
{
    size_t blocks = weir_allocated_blocks();
    open_bench(2, 1, ids_schema(WEIR_I64), keyed());
    put(ids(0, 100));
    CU_ASSERT_FALSE(weir_writer_accepts(b.writer));
    CU_ASSERT(weir_writer_has_partial(b.writer));
    close_bench();
    weir_writer_destroy(NULL);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void flush_of_idle_channels_waits_for_busy_ones(void)
{
    open_bench(2, 64, ids_schema(WEIR_I64), options(WEIR_PARTITION_RESCALE));
    put(ids(0, 9)); /* channel 0: a full batch and one more row; channel 1: a full batch */
    put(ids(9, 2)); /* the rows of channels 1 and 0 */
    while (pop(1)) continue;
    CU_ASSERT_EQUAL(weir_writer_flush(b.writer, true, &b.error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_ring_length(b.rings[0]), 1);
    CU_ASSERT_EQUAL(weir_ring_length(b.rings[1]), 1);
    CU_ASSERT(weir_writer_has_partial(b.writer));
    CU_ASSERT_EQUAL(weir_writer_flush(b.writer, false, &b.error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_ring_length(b.rings[0]), 2);
    CU_ASSERT_FALSE(weir_writer_has_partial(b.writer));
    close_bench();
}

static struct weir_rows *select_rows(struct weir_rows *rows, const uint8_t *bits)
{
    size_t bytes = (size_t)(rows->view.length + 7) / 8;
    struct weir_buffer *buffer = weir_pool_take(b.pool, bytes);
    memcpy(buffer->bytes, bits, bytes);
    weir_rows_own(rows, buffer);
    rows->view.selection = buffer->bytes;
    rows->view.selected = 0;
    for (int64_t i = 0; i < rows->view.length; i++) rows->view.selected += weir_bit(bits, i);
    return rows;
}

static void selections_are_compacted_first(void)
{
    const uint8_t some[] = {0x49, 0x02}, none[] = {0, 0};
    open_bench(2, 64, ids_schema(WEIR_I64), options(WEIR_PARTITION_RESCALE));
    put(select_rows(ids(0, 10), some)); /* rows 0 3 6 9 */
    put(select_rows(ids(0, 10), none));
    pop_all();
    CU_ASSERT(received_is(0, 0, 6, 2));
    CU_ASSERT(received_is(1, 3, 6, 2));
    close_bench();
    open_bench(1, 64, ids_schema(WEIR_I64), options(WEIR_PARTITION_FORWARD));
    put(select_rows(ids(0, 10), none));
    CU_ASSERT(weir_ring_is_empty(b.rings[0]));
    put(select_rows(ids(0, 10), some));
    pop_all();
    CU_ASSERT(received_is(0, 0, 3, 4));
    close_bench();
}

WEIR_SUITE(writer) = {
    {"forward is channel 0, by reference", forward_is_channel_0},
    {"global is always channel 0, by reference", global_is_always_channel_0},
    {"one channel takes whole batches, by reference", one_channel_takes_whole_batches},
    {"broadcast shares the rows", broadcast_shares_the_rows},
    {"rebalance starts anywhere and goes round", rebalance_starts_anywhere_and_goes_round},
    {"rescale starts at channel 0", rescale_starts_at_channel_0},
    {"shuffle is uniform", shuffle_is_uniform},
    {"custom asks the partitioner", custom_asks_the_partitioner},
    {"custom out of range is an error that names target and n", custom_out_of_range_is_an_error},
    {"keys go where Flink sends them (vectors)", keys_go_where_flink_sends_them},
    {"one channel gets keys without a copy", one_channel_gets_keys_without_a_copy},
    {"null keys are an error that names the field", null_keys_are_an_error},
    {"marks go to all channels, after the rows", marks_go_to_all_after_the_rows},
    {"what finds no room is parked, in order", what_finds_no_room_is_parked_in_order},
    {"destroy releases what is parked", destroy_releases_what_is_parked},
    {"flush of idle channels waits for busy ones", flush_of_idle_channels_waits_for_busy_ones},
    {"selections are compacted first", selections_are_compacted_first},
    {NULL, NULL},
};
