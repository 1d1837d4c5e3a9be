/* The rolling operators, against naive ones that keep every record. */
#define weir_plugin_v1 rolling_plugin_v0
#include "../../../plugins/operators_rolling/plugin.c"

#include "keyed_host.h"

enum { FIELDS = 3, KEY = 0, FIELD = 1, NOTE = 2 };

static struct weir_schema *stream_schema(weir_type type, bool nullable)
{
    const struct column_spec columns[] = {{"key", WEIR_I64, false}, {"field", type, nullable}, {"note", WEIR_STRING, true}};
    return schema_of(columns, FIELDS);
}

/* Runs the component over the records in batches cut at random; returns its output. The caller frees. */
static struct cell *run(const weir_component *component, const rolling *options, weir_type type, bool nullable,
                        const struct cell *records, int64_t n, uint64_t *seed, int64_t *times, weir_status *status,
                        char *message)
{
    const weir_operator *vtable = component->vtable;
    struct weir_schema *schema = stream_schema(type, nullable);
    struct keyed_host *h = keyed_host_create(component, schema, weir_schema_retain(schema));
    rolling self = *options;
    int64_t made;
    *status = WEIR_OK;
    for (int64_t at = 0; at < n && *status == WEIR_OK;) {
        int64_t until = at + 1 + next_random(seed) % 20, row = 0;
        if (until > n) until = n;
        weir_rows_release(h->rows);
        h->rows = rows_of(schema, records + at * FIELDS, until - at);
        *status = vtable->process(&self, &h->cx, 0, &h->rows->view, &row);
        h->state->ops->settle(h->state);
        at = until;
    }
    struct cell *cells = keyed_host_cells(h, &made, times);
    if (*status == WEIR_OK) CU_ASSERT_EQUAL(made, n);
    if (message) snprintf(message, 256, "%s", weir_text_get(&h->failure));
    keyed_host_destroy(h);
    return cells;
}

/* What record `at` should give, from all records of its key up to it. sign 0: sum; by: the whole record. */
static void expect(const struct cell *records, int64_t at, weir_type type, int sign, bool by, bool first,
                   struct cell out[FIELDS])
{
    int64_t best = -1, head = -1;
    struct cell value = {.null = true};
    for (int64_t i = 0; i <= at; i++) {
        const struct cell *r = &records[i * FIELDS], *v = &r[FIELD];
        if (r[KEY].i != records[at * FIELDS].i) continue;
        if (head < 0) head = i;
        if (v->null) continue;
        int order = value.null ? 1 : compare_cells(v, &value, type) * sign;
        if (sign == 0 && !value.null) {
            value.i += v->i;
            value.f = type == WEIR_F32 ? (double)((float)value.f + (float)v->f) : value.f + v->f;
        } else if (value.null || order > 0 || (order == 0 && by && !first)) {
            value = *v;
            best = i;
        }
    }
    memcpy(out, &records[(by && best >= 0 ? best : head) * FIELDS], FIELDS * sizeof *out);
    if (!by) out[FIELD] = value;
}

static void check_component(const weir_component *component, int sign, bool by, weir_type type, uint64_t *seed)
{
    enum { N = 80 };
    struct cell records[N * FIELDS];
    int64_t times[N];
    weir_status status;
    bool nullable = next_random(seed) % 2, first = !by || next_random(seed) % 2;
    const rolling options = {.field = FIELD, .first = first};
    for (int i = 0; i < N; i++) {
        records[i * FIELDS + KEY] = (struct cell){.i = next_random(seed) % 5};
        records[i * FIELDS + FIELD] = random_cell(seed, type, nullable);
        records[i * FIELDS + NOTE] = random_cell(seed, WEIR_STRING, true);
    }
    struct cell *out = run(component, &options, type, nullable, records, N, seed, times, &status, NULL), expected[FIELDS];
    CU_ASSERT_EQUAL_FATAL(status, WEIR_OK);
    for (int64_t i = 0; i < N; i++) {
        expect(records, i, type, sign, by, first, expected);
        for (int c = 0; c < FIELDS; c++) {
            struct cell *found = &out[i * FIELDS + c];
            bool same = same_cells(&expected[c], found) || (isnan(expected[c].f) && isnan(found->f));
            if (!same) fprintf(stderr, "\n%s of type %d, row %d, column %d\n", component->id, type, (int)i, c);
            CU_ASSERT_TRUE(same);
        }
    }
    free(out);
}

static void every_operator_and_type_against_naive_ones(void)
{
    static const weir_type types[] = {WEIR_BOOL, WEIR_I32,       WEIR_I64,    WEIR_F32,
                                      WEIR_F64,  WEIR_TIMESTAMP, WEIR_STRING, WEIR_BYTES};
    uint64_t seed = 77;
    for (int round = 0; round < 20; round++) {
        for (size_t t = 0; t < WEIR_LEN(types); t++) {
            if (weir_type_is_number(types[t])) check_component(&rolling_sum_component, 0, false, types[t], &seed);
            check_component(&rolling_min_component, -1, false, types[t], &seed);
            check_component(&rolling_max_component, 1, false, types[t], &seed);
            check_component(&rolling_min_by_component, -1, true, types[t], &seed);
            check_component(&rolling_max_by_component, 1, true, types[t], &seed);
        }
    }
}

/* A5.8: "min/max: keeps the FIRST record, overwrites only that field (other fields are stale by design)". */
static void first_record_stays(void)
{
    const struct cell records[] = {{.i = 1},           {.i = 5}, {.text = "first"}, {.i = 1},         {.i = 3},
                                   {.text = "second"}, {.i = 1}, {.i = 4},          {.text = "third"}};
    const rolling options = {.field = FIELD, .first = true};
    static const struct {
        const weir_component *component;
        int64_t values[3];
        const char *notes[3];
    } cases[] = {{&rolling_min_component, {5, 3, 3}, {"first", "first", "first"}},
                 {&rolling_sum_component, {5, 8, 12}, {"first", "first", "first"}},
                 {&rolling_min_by_component, {5, 3, 3}, {"first", "second", "second"}}};
    for (size_t k = 0; k < WEIR_LEN(cases); k++) {
        uint64_t seed = 1 + k;
        int64_t times[3];
        weir_status status;
        struct cell *out = run(cases[k].component, &options, WEIR_I64, false, records, 3, &seed, times, &status, NULL);
        for (int i = 0; i < 3; i++) {
            CU_ASSERT_EQUAL(out[i * FIELDS + FIELD].i, cases[k].values[i]);
            CU_ASSERT_STRING_EQUAL(out[i * FIELDS + NOTE].text, cases[k].notes[i]);
        }
        free(out);
    }
}

/* A5.8: "Input ts is kept": a stale record leaves with the time of the record that came in. */
static void input_time_is_kept(void)
{
    struct cell records[3 * FIELDS] = {{.i = 1}, {.i = 5}, {0}, {.i = 1}, {.i = 7}, {0}, {.i = 1}, {.i = 9}, {0}};
    struct weir_schema *schema = stream_schema(WEIR_I64, false);
    struct keyed_host *h = keyed_host_create(&rolling_min_by_component, schema, weir_schema_retain(schema));
    rolling self = {.field = FIELD, .first = true};
    int64_t row = 0, n, times[3];
    h->rows = rows_of(schema, records, 3);
    CU_ASSERT_EQUAL(
        ((const weir_operator *)rolling_min_by_component.vtable)->process(&self, &h->cx, 0, &h->rows->view, &row), WEIR_OK);
    CU_ASSERT_EQUAL(row, 3);
    free(keyed_host_cells(h, &n, times));
    CU_ASSERT_EQUAL(n, 3);
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(times[i], 10 * i);
    keyed_host_destroy(h);
}

static void sums_fail_when_they_no_longer_fit(void)
{
    struct cell wide[2 * FIELDS] = {{.i = 1}, {.i = INT64_MAX}, {0}, {.i = 1}, {.i = 1}, {0}};
    struct cell narrow[2 * FIELDS] = {{.i = 1}, {.i = INT32_MIN}, {0}, {.i = 1}, {.i = -1}, {0}};
    const rolling options = {.field = FIELD};
    uint64_t seed = 3;
    weir_status status;
    char message[256];
    int64_t times[2];
    free(run(&rolling_sum_component, &options, WEIR_I64, false, wide, 2, &seed, times, &status, message));
    CU_ASSERT_EQUAL(status, WEIR_E_DATA);
    CU_ASSERT_STRING_EQUAL(message, "the sum of field 'field' no longer fits in i64");
    free(run(&rolling_sum_component, &options, WEIR_I32, false, narrow, 2, &seed, times, &status, message));
    CU_ASSERT_EQUAL(status, WEIR_E_DATA);
    CU_ASSERT_STRING_EQUAL(message, "the sum of field 'field' no longer fits in i32");
}

static void counts_records_of_each_key(void)
{
    const struct column_spec in = {"key", WEIR_STRING, false}, out = {"count", WEIR_I64, false};
    struct keyed_host *h = keyed_host_create(&rolling_count_component, schema_of(&in, 1), schema_of(&out, 1));
    const struct cell keys[] = {{.text = "a"}, {.text = "b"}, {.text = "a"}, {.text = "a"}, {.text = "b"}};
    const int64_t expected[] = {1, 1, 2, 3, 2};
    rolling_count self = {.into = "count"};
    int64_t row = 0, n;
    h->rows = rows_of(h->in, keys, 5);
    CU_ASSERT_EQUAL(((const weir_operator *)rolling_count_component.vtable)->process(&self, &h->cx, 0, &h->rows->view, &row),
                    WEIR_OK);
    struct cell *cells = keyed_host_cells(h, &n, NULL);
    CU_ASSERT_EQUAL_FATAL(n, 5);
    for (int i = 0; i < 5; i++) CU_ASSERT_EQUAL(cells[i].i, expected[i]);
    free(cells);
    keyed_host_destroy(h);
}

WEIR_SUITE(rolling) = {{"every operator and type against naive ones", every_operator_and_type_against_naive_ones},
                       {"min, max and sum keep the first record, its other fields stale by design", first_record_stays},
                       {"input time is kept", input_time_is_kept},
                       {"sums fail when they no longer fit", sums_fail_when_they_no_longer_fit},
                       {"counts records of each key", counts_records_of_each_key},
                       {NULL, NULL}};
