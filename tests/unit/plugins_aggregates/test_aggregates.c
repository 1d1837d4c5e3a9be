/* The aggregates: batch-wise, row by row and merged from parts, against slow and obvious ones. */
#define weir_plugin_v1 aggregates_plugin_v0
#include "../../../plugins/aggregates/plugin.c"

#include "keyed_host.h"

static const weir_type all_types[] = {WEIR_BOOL,      WEIR_I32,    WEIR_I64,   WEIR_F32, WEIR_F64,
                                      WEIR_TIMESTAMP, WEIR_STRING, WEIR_BYTES, WEIR_ANY};

/* An aggregate and what it should give over n rows of (value, by). */
struct subject {
    const weir_component *component;
    struct cell (*expect)(const struct cell *rows, int64_t n, weir_type type, weir_type by);
    uint32_t inputs;
    uint32_t takes; /* 0 any type, 1 ordered, 2 numbers */
    bool has_by;
};

static struct cell expect_count(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    (void)rows, (void)type, (void)by;
    return (struct cell){.i = n};
}
static struct cell expect_count_of(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    struct cell c = {0};
    (void)type, (void)by;
    for (int64_t i = 0; i < n; i++) c.i += !rows[2 * i].null;
    return c;
}
static struct cell expect_sum(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    struct cell c = {.null = true};
    (void)type, (void)by;
    for (int64_t i = 0; i < n; i++) {
        if (rows[2 * i].null) continue;
        c.null = false;
        c.i += rows[2 * i].i;
        c.f += rows[2 * i].f;
    }
    return c;
}
static struct cell expect_avg(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    struct cell s = expect_sum(rows, n, type, by), present = expect_count_of(rows, n, type, by);
    if (s.null) return s;
    return (struct cell){.f = (type == WEIR_F32 || type == WEIR_F64 ? s.f : (double)s.i) / (double)present.i};
}
static struct cell extreme(const struct cell *rows, int64_t n, weir_type type, int sign)
{
    struct cell c = {.null = true};
    for (int64_t i = 0; i < n; i++) {
        if (!rows[2 * i].null && (c.null || compare_cells(&rows[2 * i], &c, type) * sign > 0)) c = rows[2 * i];
    }
    return c;
}
static struct cell expect_min(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    (void)by;
    return extreme(rows, n, type, -1);
}
static struct cell expect_max(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    (void)by;
    return extreme(rows, n, type, 1);
}
static struct cell expect_first(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    (void)type, (void)by;
    for (int64_t i = 0; i < n; i++) {
        if (!rows[2 * i].null) return rows[2 * i];
    }
    return (struct cell){.null = true};
}
static struct cell expect_last(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    (void)type, (void)by;
    for (int64_t i = n - 1; i >= 0; i--) {
        if (!rows[2 * i].null) return rows[2 * i];
    }
    return (struct cell){.null = true};
}
static struct cell extreme_by(const struct cell *rows, int64_t n, weir_type by, int sign)
{
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++) {
        if (rows[2 * i + 1].null) continue;
        if (best < 0 || compare_cells(&rows[2 * i + 1], &rows[2 * best + 1], by) * sign > 0) best = i;
    }
    return best < 0 ? (struct cell){.null = true} : rows[2 * best];
}
static struct cell expect_min_by(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    (void)type;
    return extreme_by(rows, n, by, -1);
}
static struct cell expect_max_by(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    (void)type;
    return extreme_by(rows, n, by, 1);
}
static struct cell expect_distinct(const struct cell *rows, int64_t n, weir_type type, weir_type by)
{
    struct cell c = {0};
    (void)by;
    for (int64_t i = 0; i < n; i++) {
        bool seen = rows[2 * i].null;
        for (int64_t k = 0; k < i && !seen; k++)
            seen = !rows[2 * k].null && compare_cells(&rows[2 * i], &rows[2 * k], type) == 0;
        c.i += !seen;
    }
    return c;
}

static const struct subject subjects[] = {
    {&count_component, expect_count, 0, 0, false},
    {&count_of_component, expect_count_of, 1, 0, false},
    {&sum_component, expect_sum, 1, 2, false},
    {&avg_component, expect_avg, 1, 2, false},
    {&min_component, expect_min, 1, 1, false},
    {&max_component, expect_max, 1, 1, false},
    {&first_component, expect_first, 1, 0, false},
    {&last_component, expect_last, 1, 0, false},
    {&min_by_component, expect_min_by, 2, 0, true},
    {&max_by_component, expect_max_by, 2, 0, true},
    {&count_distinct_component, expect_distinct, 1, 0, false},
};

static weir_type result_type(const struct subject *s, weir_type type)
{
    if (strcmp(s->component->out, "result:i64") == 0) return WEIR_I64;
    if (s->component == &avg_component) return WEIR_F64;
    if (s->component == &sum_component) return type == WEIR_I32 ? WEIR_I64 : type == WEIR_F32 ? WEIR_F64 : type;
    return type;
}

struct bench {
    struct keyed_host *host;
    const weir_aggregate *vtable;
    aggregate self;
};

static struct bench bench_of(const struct subject *s, weir_type type, weir_type by)
{
    const struct column_spec in[] = {{"value", type, true}, {"by", by, true}}, out = {"result", result_type(s, type), true};
    struct bench b = {.host = keyed_host_create(s->component, schema_of(in, s->inputs), schema_of(&out, 1)),
                      .vtable = s->component->vtable};
    if (b.vtable->open) CU_ASSERT_EQUAL(b.vtable->open(&b.self, &b.host->cx), WEIR_OK);
    return b;
}

static void *accumulator(struct bench *b, uint32_t group)
{
    struct weir_key_ref key = {
        .p = (const uint8_t *)&group, .n = sizeof group, .hash = weir_key_hash64(&group, sizeof group)};
    void *acc = b->host->state->ops->value_edit(b->host->state, 0, &key, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(acc);
    return acc;
}

static struct cell result_of(struct bench *b, const void *acc)
{
    int64_t n;
    CU_ASSERT_EQUAL(b->vtable->result(&b->self, &b->host->cx, acc, 0), WEIR_OK);
    (void)!weir_emit(&b->host->cx, 0, 0);
    struct cell *cells = keyed_host_cells(b->host, &n, NULL), c = cells[0];
    CU_ASSERT_EQUAL(n, 1);
    free(cells);
    return c;
}

/* Only the inputs that the component declares are columns of its batches. */
static struct weir_rows *batch_of(struct bench *b, const struct cell *rows, int64_t n)
{
    uint32_t inputs = weir_schema_count(b->host->in);
    struct cell *cells = calloc((size_t)n * 2 + 1, sizeof *cells);
    for (int64_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < inputs; c++) cells[i * inputs + c] = rows[2 * i + c];
    }
    struct weir_rows *batch = rows_of(b->host->in, cells, n);
    free(cells);
    return batch;
}

static void add_batch(struct bench *b, void *const *accs, const struct cell *rows, int64_t n, bool row_by_row)
{
    struct weir_rows *batch = batch_of(b, rows, n);
    if (b->vtable->add_rows && !row_by_row) {
        CU_ASSERT_EQUAL(b->vtable->add_rows(&b->self, &b->host->cx, accs, &batch->view), WEIR_OK);
    } else {
        for (int64_t i = 0; i < n; i++) {
            CU_ASSERT_EQUAL(b->vtable->add(&b->self, &b->host->cx, accs[i], (weir_row){&batch->view, i}), WEIR_OK);
        }
    }
    weir_rows_release(batch);
}

static void check_result(struct bench *b, const struct subject *s, const void *acc, const struct cell *rows, int64_t n,
                         weir_type type, weir_type by, const char *how)
{
    struct cell expected = s->expect(rows, n, type, by), found = result_of(b, acc);
    if (isnan(expected.f) && isnan(found.f)) expected.f = found.f; /* its sign says nothing */
    bool same = same_cells(&expected, &found);
    if (!same) {
        fprintf(stderr, "\n%s of type %d, %s: expected %d %lld %g '%s', found %d %lld %g '%s'\n", s->component->id, type,
                how, expected.null, (long long)expected.i, expected.f, expected.text, found.null, (long long)found.i,
                found.f, found.text);
    }
    CU_ASSERT_TRUE(same);
}

/* Four groups at once, so that accumulators alternate; each way of adding must give what the slow one gives. */
static void check_groups(const struct subject *s, weir_type type, weir_type by, uint64_t *seed, bool row_by_row)
{
    enum { GROUPS = 4, ROWS = 60 };
    struct cell rows[ROWS * 2], of_group[ROWS * 2];
    uint32_t group[ROWS];
    void *accs[ROWS];
    struct bench b = bench_of(s, type, by);
    int64_t n = next_random(seed) % ROWS;
    for (uint32_t g = 0; g < GROUPS; g++) accumulator(&b, g);
    for (int64_t i = 0; i < n; i++) {
        rows[2 * i] = random_cell(seed, type, true);
        rows[2 * i + 1] = random_cell(seed, by, true);
        group[i] = next_random(seed) % GROUPS;
        accs[i] = accumulator(&b, group[i]);
    }
    int64_t cut = n ? next_random(seed) % n : 0;
    add_batch(&b, accs, rows, cut, row_by_row);
    add_batch(&b, accs + cut, rows + 2 * cut, n - cut, row_by_row);
    for (uint32_t g = 0; g < GROUPS; g++) {
        int64_t m = 0;
        for (int64_t i = 0; i < n; i++) {
            if (group[i] == g) memcpy(&of_group[2 * m++], &rows[2 * i], 2 * sizeof rows[0]);
        }
        check_result(&b, s, accumulator(&b, g), of_group, m, type, by, row_by_row ? "row by row" : "by batches");
    }
    keyed_host_destroy(b.host);
}

static void check_merge(const struct subject *s, weir_type type, weir_type by, uint64_t *seed)
{
    enum { ROWS = 60 };
    struct cell rows[ROWS * 2];
    void *accs[ROWS];
    struct bench b = bench_of(s, type, by);
    int64_t n = next_random(seed) % ROWS, at = 0;
    for (int64_t i = 0; i < n; i++) {
        rows[2 * i] = random_cell(seed, type, true);
        rows[2 * i + 1] = random_cell(seed, by, true);
    }
    void *whole = accumulator(&b, 0);
    for (uint32_t part = 1; part <= 3; part++) {
        int64_t until = part == 3 ? n : at + (n > at ? next_random(seed) % (n - at + 1) : 0);
        void *acc = accumulator(&b, part);
        for (int64_t i = at; i < until; i++) accs[i] = acc;
        add_batch(&b, accs + at, rows + 2 * at, until - at, false);
        CU_ASSERT_EQUAL(b.vtable->merge(&b.self, &b.host->cx, whole, acc), WEIR_OK);
        check_result(&b, s, acc, rows + 2 * at, until - at, type, by, "a part after its merge");
        at = until;
    }
    check_result(&b, s, whole, rows, n, type, by, "merged");
    if (b.vtable->subtract && b.vtable->merge) {
        void *empty = accumulator(&b, 9);
        for (uint32_t part = 1; part <= 3; part++)
            CU_ASSERT_EQUAL(b.vtable->subtract(&b.self, &b.host->cx, whole, accumulator(&b, part)), WEIR_OK);
        CU_ASSERT_EQUAL(result_of(&b, whole).i, result_of(&b, empty).i);
    }
    keyed_host_destroy(b.host);
}

static bool takes(const struct subject *s, weir_type type)
{
    if (s->takes == 2) return weir_type_is_number(type);
    return s->takes == 0 || weir_type_is_ordered(type);
}

static void every_aggregate_and_type_against_the_slow_ones(void)
{
    uint64_t seed = 2024;
    for (size_t k = 0; k < WEIR_LEN(subjects); k++) {
        for (size_t t = 0; t < WEIR_LEN(all_types); t++) {
            if (!takes(&subjects[k], all_types[t])) continue;
            for (int round = 0; round < 24; round++) {
                weir_type by = all_types[next_random(&seed) % (WEIR_LEN(all_types) - 1)]; /* all but any */
                check_groups(&subjects[k], all_types[t], by, &seed, round % 2);
                check_merge(&subjects[k], all_types[t], by, &seed);
            }
        }
    }
}

static struct bench one_column(const weir_component *component, weir_type type)
{
    for (size_t k = 0; k < WEIR_LEN(subjects); k++) {
        if (subjects[k].component == component) return bench_of(&subjects[k], type, WEIR_I64);
    }
    abort();
}

static void float_sums_add_in_order_of_arrival(void)
{
    const double values[] = {1e16, 1, -1e16, 1};
    struct bench b = one_column(&sum_component, WEIR_F64);
    struct cell rows[8] = {0};
    void *accs[4];
    for (int i = 0; i < 4; i++) {
        rows[2 * i].f = values[i];
        accs[i] = accumulator(&b, 0);
    }
    add_batch(&b, accs, rows, 4, false);
    CU_ASSERT_EQUAL(result_of(&b, accs[0]).f, ((1e16 + 1) + -1e16) + 1);
    keyed_host_destroy(b.host);
    CU_ASSERT_EQUAL(sum_component.flags & (WEIR_MERGEABLE | WEIR_INVERTIBLE), 0);
    CU_ASSERT_EQUAL(first_component.flags & (WEIR_MERGEABLE | WEIR_INVERTIBLE), 0);
}

/* Whatever parts it was added up in, and however large it was on the way. */
static void integer_sums_fail_when_they_do_not_fit_in_the_end(void)
{
    static const struct {
        struct cell rows[6]; /* of (value, by) */
        bool fits;
    } cases[] = {{{{.i = INT64_MAX}, {0}, {.i = 1}, {0}, {.i = 0}, {0}}, false},
                 {{{.i = INT64_MIN}, {0}, {.i = -1}, {0}, {.i = 0}, {0}}, false},
                 {{{.i = INT64_MAX}, {0}, {.i = 1}, {0}, {.i = -1}, {0}}, true},
                 {{{.i = INT64_MIN}, {0}, {.i = -1}, {0}, {.i = 1}, {0}}, true}};
    for (int way = 0; way < 3 * (int)(sizeof cases / sizeof *cases); way++) {
        struct bench b = one_column(&sum_component, WEIR_I64);
        struct weir_rows *batch = batch_of(&b, cases[way / 3].rows, 3);
        bool merged = way % 3 == 2;
        void *accs[3] = {accumulator(&b, 0), accumulator(&b, merged), accumulator(&b, merged)};
        weir_status s = WEIR_OK;
        if (way % 3 == 0) s = b.vtable->add_rows(&b.self, &b.host->cx, accs, &batch->view);
        for (int64_t i = 0; way % 3 > 0 && i < 3 && s == WEIR_OK; i++)
            s = b.vtable->add(&b.self, &b.host->cx, accs[i], (weir_row){&batch->view, i});
        if (merged && s == WEIR_OK) s = b.vtable->merge(&b.self, &b.host->cx, accs[0], accs[1]);
        CU_ASSERT_EQUAL(s, WEIR_OK);
        if (cases[way / 3].fits) {
            CU_ASSERT_EQUAL(result_of(&b, accs[0]).i, cases[way / 3].rows[0].i);
        } else {
            CU_ASSERT_EQUAL(b.vtable->result(&b.self, &b.host->cx, accs[0], 0), WEIR_E_DATA);
            WEIR_ASSERT_CONTAINS(weir_text_get(&b.host->failure), "the sum of 'value' no longer fits in i64");
        }
        weir_rows_release(batch);
        keyed_host_destroy(b.host);
    }
}

static void averages_of_large_integers_do_not_overflow(void)
{
    struct bench b = one_column(&avg_component, WEIR_I64);
    struct cell rows[6] = {{.i = INT64_MAX}, {0}, {.i = INT64_MAX}, {0}, {.i = INT64_MIN}, {0}};
    void *accs[3] = {accumulator(&b, 0), accumulator(&b, 0), accumulator(&b, 0)};
    add_batch(&b, accs, rows, 3, false);
    CU_ASSERT_EQUAL(result_of(&b, accs[0]).f, (double)(INT64_MAX - 1) / 3);
    rows[0].i = rows[2].i = rows[4].i = INT64_MIN;
    accs[0] = accs[1] = accs[2] = accumulator(&b, 1);
    add_batch(&b, accs, rows, 3, true);
    CU_ASSERT_EQUAL(result_of(&b, accs[0]).f, (double)INT64_MIN);
    keyed_host_destroy(b.host);
}

static void many_distinct_values(void)
{
    for (int text = 0; text < 2; text++) {
        struct bench b = one_column(&count_distinct_component, text ? WEIR_STRING : WEIR_I64);
        enum { N = 20000 };
        struct cell *rows = calloc(2 * N, sizeof *rows);
        void **accs = calloc(N, sizeof(void *));
        uint64_t seed = 5;
        for (int i = 0; i < N; i++) {
            uint32_t v = next_random(&seed) % 7000;
            rows[2 * i].i = text ? 0 : v;
            if (text) snprintf(rows[2 * i].text, sizeof rows->text, "%u", v % 10 ? v : 0);
            accs[i] = accumulator(&b, (uint32_t)i % 2);
        }
        add_batch(&b, accs, rows, N, false);
        CU_ASSERT_EQUAL(b.vtable->merge(&b.self, &b.host->cx, accs[0], accs[1]), WEIR_OK);
        bool seen[7000] = {false};
        int64_t expected = 0;
        for (int i = 0; i < N; i++) {
            int64_t v = text ? atoi(rows[2 * i].text) : rows[2 * i].i;
            expected += !seen[v];
            seen[v] = true;
        }
        CU_ASSERT_EQUAL(result_of(&b, accs[0]).i, expected);
        /* The set is bytes and nothing else: a copy of it elsewhere is the same set. */
        distinct *acc = accs[0], *copy = accumulator(&b, 7);
        CU_ASSERT_EQUAL(weir_assign(&b.host->cx, 0, &copy->set, acc->set), WEIR_OK);
        add_batch(&b, (void *[]){copy, copy}, rows, 2, false);
        CU_ASSERT_EQUAL(result_of(&b, copy).i, expected);
        free(accs);
        free(rows);
        keyed_host_destroy(b.host);
    }
}

/* Two values whose hashes agree in all that a slot of a new set keeps of them are still two. */
static void equal_hashes_prove_nothing(void)
{
    enum { TRIES = 60000 };
    struct tagged {
        uint64_t tag;
        int64_t value;
    } *seen = calloc(1 << 20, sizeof *seen), a = {0}, b = {0};
    for (int64_t v = 1; v < TRIES && !b.value; v++) {
        uint64_t hash = hash_of((weir_str){(const char *)&v, sizeof v}), tag = (hash >> 40 << 3 | (hash & 7)) + 1;
        uint64_t i = tag * UINT64_C(0x9E3779B97F4A7C15) >> 44;
        if (seen[i].tag == tag) {
            a = seen[i];
            b = (struct tagged){tag, v};
        }
        seen[i] = (struct tagged){tag, v};
    }
    CU_ASSERT_NOT_EQUAL_FATAL(b.value, 0);
    struct bench bench = one_column(&count_distinct_component, WEIR_I64);
    struct cell rows[6] = {{.i = a.value}, {0}, {.i = b.value}, {0}, {.i = a.value}, {0}};
    void *acc = accumulator(&bench, 0);
    add_batch(&bench, (void *[]){acc, acc, acc}, rows, 3, false);
    CU_ASSERT_EQUAL(result_of(&bench, acc).i, 2);
    keyed_host_destroy(bench.host);
    free(seen);
}

WEIR_SUITE(aggregates) = {
    {"every aggregate and type against the slow ones", every_aggregate_and_type_against_the_slow_ones},
    {"float sums add in order of arrival", float_sums_add_in_order_of_arrival},
    {"integer sums fail when they do not fit in the end", integer_sums_fail_when_they_do_not_fit_in_the_end},
    {"averages of large integers do not overflow", averages_of_large_integers_do_not_overflow},
    {"many distinct values", many_distinct_values},
    {"equal hashes prove nothing", equal_hashes_prove_nothing},
    {NULL, NULL}};
