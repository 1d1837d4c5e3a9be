/* partition.c - the partitioners: which row goes to which channel.
 *
 * Producer's thread. A partitioner's state moves by one row at a time (the round robin's place, the generator's), so the
 * same rows get the same channels however they are cut into batches. Rules: semantics A3; Flink's RebalancePartitioner
 * starts anywhere and steps before it sends, RescalePartitioner starts at the first channel of its own.
 */
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <string.h>
#include <weir/cpu.h>

#include "base/alloc.h"
#include "channel/writer_internal.h"
#include "data/key.h"

#define MOST_RANGES 4 /* channels; of more, sorting rows costs less than a look at all of them for each */

void weir__partition_init(struct weir_writer *w)
{
    w->random.state = w->o.seed;
    w->next = w->n - 1;
    if (w->o.partition == WEIR_PARTITION_REBALANCE) w->next = (uint32_t)weir_random_below(&w->random, w->n);
    if (w->o.partition != WEIR_PARTITION_KEY) return;
    WEIR_ASSERT(w->o.n_key_fields > 0 && w->n <= w->o.max_parallelism && w->o.max_parallelism <= WEIR_MAX_PARALLELISM);
    w->group_target = weir_alloc_array(w->o.max_parallelism, sizeof *w->group_target);
    for (uint32_t g = 0; g < w->o.max_parallelism; g++) {
        w->group_target[g] = (uint16_t)weir_key_group_subtask(g, w->n, w->o.max_parallelism);
    }
}

void weir__partition_finish(struct weir_writer *w)
{
    weir_free(w->group_target);
    weir_free(w->targets);
    weir_free(w->picks);
    weir_free(w->ends);
    weir_free(w->bits);
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static weir_status explain_keys(struct weir_writer *w, weir_status status, int64_t row, uint32_t field,
                                struct weir_error *error)
{
    if (status != WEIR_E_DATA) return weir_error_set(error, status, "%s: no memory for the keys of a batch", w->o.where);
    const char *name = weir_schema_field_at(w->o.schema, w->o.key_fields[field])->name;
    return weir_error_set(
        error, status,
        "%s: the key field '%s' is null in row %lld of a batch; null keys are not allowed: filter such records out "
        "before key_by",
        w->o.where, name, (long long)row + 1);
}

weir_status weir__partition_keyed(struct weir_writer *w, struct weir_rows *rows, struct weir_rows **keyed,
                                  struct weir_error *error)
{
    int64_t bad_row = 0;
    uint32_t bad_field = 0;
    weir_status s = WEIR_E_MEMORY;
    *keyed = weir_rows_slice(w->o.pool, rows, 0, rows->view.length);
    if (*keyed) {
        s = weir_key_rows(w->o.pool, *keyed, w->o.key_fields, w->o.n_key_fields, w->o.max_parallelism, &bad_row, &bad_field);
    }
    if (s == WEIR_OK) return WEIR_OK;
    weir_rows_release(*keyed);
    *keyed = NULL;
    return explain_keys(w, s, bad_row, bad_field, error);
}

/* ---- targets ----------------------------------------------------------------------------------------------------- */

static weir_status custom_targets(struct weir_writer *w, struct weir_rows *rows, struct weir_error *error)
{
    weir_status s = w->o.custom(w->o.custom_arg, rows, w->n, w->targets, error);
    if (s != WEIR_OK) return s;
    for (int64_t i = 0; i < rows->view.length; i++) {
        if (w->targets[i] < w->n) continue;
        return weir_error_set(
            error, WEIR_E_PLUGIN,
            "%s: the custom partitioner gave target %u, but there are %u targets, 0 to %u; mend the partitioner", w->o.where,
            w->targets[i], w->n, w->n - 1);
    }
    return WEIR_OK;
}

static weir_status find_targets(struct weir_writer *w, struct weir_rows *rows, struct weir_error *error)
{
    int64_t n = rows->view.length;
    switch (w->o.partition) {
    case WEIR_PARTITION_SHUFFLE:
        for (int64_t i = 0; i < n; i++) w->targets[i] = (uint32_t)weir_random_below(&w->random, w->n);
        return WEIR_OK;
    case WEIR_PARTITION_CUSTOM: return custom_targets(w, rows, error);
    case WEIR_PARTITION_KEY:
        for (int64_t i = 0; i < n; i++) w->targets[i] = w->group_target[rows->keys.key_group[i]];
        return WEIR_OK;
    case WEIR_PARTITION_REBALANCE:
    case WEIR_PARTITION_RESCALE:
    case WEIR_PARTITION_FORWARD:
    case WEIR_PARTITION_STRAIGHT:
    case WEIR_PARTITION_GLOBAL:
    case WEIR_PARTITION_BROADCAST: break;
    }
    WEIR_ASSERT(!"these partitioners ask no row");
    return WEIR_E_BUG;
}

/* A counting sort: rows of a channel stay in order. */
static void sort_by_target(const uint32_t *restrict targets, int64_t n, uint32_t n_channels, uint32_t *restrict ends,
                           uint32_t *restrict picks)
{
    for (uint32_t c = 0; c < n_channels; c++) ends[c] = 0;
    for (int64_t i = 0; i < n; i++) ends[targets[i]]++;
    uint32_t begin = 0;
    for (uint32_t c = 0; c < n_channels; c++) { /* counts become begins, */
        uint32_t count = ends[c];
        ends[c] = begin;
        begin += count;
    }
    for (int64_t i = 0; i < n; i++) picks[ends[targets[i]]++] = (uint32_t)i; /* and begins ends */
}

/* ---- dealing ----------------------------------------------------------------------------------------------------- */

/* Each channel takes every n-th row. */
static void deal_in_turn(struct weir_writer *w, int64_t rows)
{
    uint32_t *pick = w->picks;
    for (uint32_t c = 0; c < w->n; c++) {
        uint32_t first = c > w->next ? c - w->next - 1 : c + w->n - w->next - 1;
        for (int64_t i = first; i < rows; i += w->n) *pick++ = (uint32_t)i;
        w->ends[c] = (uint32_t)(pick - w->picks);
    }
    w->next = (uint32_t)((w->next + rows) % w->n);
}

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_MASKS
/* Thirty-two rows at a time, from the first on; gives how many it looked at. */
__attribute__((target("avx512bw"))) static int64_t find_by_masks(const uint16_t *groups, int64_t n, uint16_t first,
                                                                 uint16_t count, uint8_t *bits)
{
    const __m512i from = _mm512_set1_epi16((int16_t)first), until = _mm512_set1_epi16((int16_t)count);
    int64_t at = 0;
    for (; at + 32 <= n; at += 32) {
        __m512i past_first = _mm512_sub_epi16(_mm512_loadu_si512(groups + at), from);
        uint32_t is_in = _mm512_cmplt_epu16_mask(past_first, until);
        memcpy(bits + at / 8, &is_in, sizeof is_in);
    }
    return at;
}
#endif

/* From row `at` on, a multiple of eight. */
WEIR_FOR_SEVERAL_CPUS
static void find_by_bytes(const uint16_t *groups, int64_t at, int64_t n, uint16_t first, uint16_t count, uint8_t *bits)
{
    enum { RUN = 256 };
    for (; at < n; at += RUN) {
        uint8_t is_in[RUN];
        int64_t rows = n - at < RUN ? n - at : RUN;
        for (int64_t i = 0; i < rows; i++) is_in[i] = (uint16_t)(groups[at + i] - first) < count;
        weir_bits_from_bytes(bits + at / 8, is_in, rows);
    }
}

/* The rows whose key groups are among the `count` from `first` on, as bits. */
static void find_in_range(const uint16_t *groups, int64_t n, uint16_t first, uint16_t count, uint8_t *bits)
{
    int64_t at = 0;
#ifdef HAS_MASKS
    if (__builtin_cpu_supports("avx512bw")) at = find_by_masks(groups, n, first, count, bits);
#endif
    if (at < n) find_by_bytes(groups, at, n, first, count, bits);
}

/* A look at all rows for each channel, but no branch and no count in memory that the next row waits for. */
static void deal_by_ranges(struct weir_writer *w, const uint16_t *groups, int64_t n)
{
    uint32_t end = 0, first, last;
    for (uint32_t c = 0; c < w->n; c++) {
        weir_key_group_range(c, w->n, w->o.max_parallelism, &first, &last);
        find_in_range(groups, n, (uint16_t)first, (uint16_t)(last - first + 1), w->bits);
        end += (uint32_t)weir_bits_indexes(w->bits, n, w->picks + end);
        w->ends[c] = end;
    }
}

static weir_status reserve(struct weir_writer *w, size_t rows, struct weir_error *error)
{
    if (!w->ends) w->ends = weir_alloc_array(w->n, sizeof *w->ends);
    if (rows <= w->scratch_rows) return WEIR_OK;
    uint32_t *targets = weir_try_realloc(w->targets, rows * sizeof *targets);
    if (targets) w->targets = targets;
    uint32_t *picks = weir_try_realloc(w->picks, (rows + WEIR_INDEXES_MORE) * sizeof *picks);
    if (picks) w->picks = picks;
    uint8_t *bits = weir_try_realloc(w->bits, (rows + 7) / 8);
    if (bits) w->bits = bits;
    if (!targets || !picks || !bits)
        return weir_error_set(error, WEIR_E_MEMORY, "%s: no memory to deal a batch of %zu rows", w->o.where, rows);
    w->scratch_rows = rows;
    return WEIR_OK;
}

weir_status weir__partition_deal(struct weir_writer *w, struct weir_rows *rows, struct weir_error *error)
{
    int64_t n = rows->view.length;
    weir_status s = reserve(w, (size_t)n, error);
    if (s != WEIR_OK) return s;
    if (w->o.partition == WEIR_PARTITION_REBALANCE || w->o.partition == WEIR_PARTITION_RESCALE) {
        deal_in_turn(w, n);
    } else if (w->o.partition == WEIR_PARTITION_KEY && w->n <= MOST_RANGES) {
        deal_by_ranges(w, rows->keys.key_group, n);
    } else {
        s = find_targets(w, rows, error);
        if (s == WEIR_OK) sort_by_target(w->targets, n, w->n, w->ends, w->picks);
    }
    return s;
}
