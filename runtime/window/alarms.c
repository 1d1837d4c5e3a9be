/* alarms.c - a radix heap: an alarm is in the bucket of the highest six bits in which its time differs from the last one
 * that rang, and of what these six bits are, so a bucket's times are all before those of the next. The first one is dealt
 * out among those before it. An alarm moves down at most eleven times, two or three as a rule, and memory is read and
 * written from end to end. Ahuja, Mehlhorn, Orlin and Tarjan 1990.
 *
 * What rings next is in order, and is brought for some tens of alarms at a time, so that whoever is rung can have their
 * keys brought to memory. Subtask's thread.
 */
#include "window/alarms.h"

#include <string.h>

#include "base/alloc.h"

#define KEPT_BYTES ((size_t)1 << 18) /* of an empty bucket */
#define BITS       6

static const uint8_t *key_of(const struct weir__alarm_bucket *b, const struct weir__alarm *alarm)
{
    return alarm->n <= WEIR__ALARM_KEY ? alarm->key.bytes : b->bytes + alarm->key.place;
}

static void forget(struct weir__alarm_bucket *b)
{
    weir_free(b->alarms);
    weir_free(b->bytes);
    *b = (struct weir__alarm_bucket){0};
}

static void empty(struct weir__alarm_bucket *b)
{
    b->n = b->n_bytes = 0;
    if (b->capacity * sizeof *b->alarms + b->bytes_capacity > KEPT_BYTES) forget(b);
}

void weir__alarms_init(struct weir__alarms *a)
{
    *a = (struct weir__alarms){.last = INT64_MIN};
}

void weir__alarms_finish(struct weir__alarms *a)
{
    for (uint32_t level = 0; level < WEIR__ALARM_LEVELS; level++) {
        for (uint32_t i = 0; a->buckets[level] && i < WEIR__ALARM_DIGITS; i++) forget(&a->buckets[level][i]);
        weir_free(a->buckets[level]);
    }
    forget(&a->next);
    weir_key_bytes_finish(&a->key);
    weir__alarms_init(a);
}

/* ---- into a bucket ----------------------------------------------------------------------------------------------- */

static bool reserve(struct weir__alarm_bucket *b, size_t n_bytes)
{
    return WEIR_TRY_GROW(b->alarms, b->capacity, b->n + 1) &&
           WEIR_TRY_GROW(b->bytes, b->bytes_capacity, b->n_bytes + n_bytes);
}

/* The alarm is not in the bucket; key: its bytes. */
static bool put(struct weir__alarm_bucket *b, const struct weir__alarm *alarm, const uint8_t *key)
{
    bool longer = alarm->n > WEIR__ALARM_KEY;
    if (!reserve(b, longer ? alarm->n : 0)) return false;
    if (b->n == 0 || alarm->at < b->least) b->least = alarm->at;
    struct weir__alarm *to = &b->alarms[b->n++];
    *to = *alarm;
    if (!longer) return true;
    memcpy(b->bytes + b->n_bytes, key, alarm->n);
    to->key.place = b->n_bytes;
    b->n_bytes += alarm->n;
    return true;
}

/* Times as numbers whose highest bits count first. */
static uint64_t number_of(int64_t at)
{
    return (uint64_t)at ^ (uint64_t)1 << 63;
}

/* Into the bucket of a time after the last. */
static bool put_behind(struct weir__alarms *a, const struct weir__alarm *alarm, const uint8_t *key)
{
    uint64_t time = number_of(alarm->at);
    uint32_t level = (63 - (uint32_t)__builtin_clzll(time ^ number_of(a->last))) / BITS;
    uint32_t digit = time >> BITS * level & (WEIR__ALARM_DIGITS - 1);
    if (__builtin_expect(!a->buckets[level], 0))
        a->buckets[level] = weir_try_alloc(WEIR__ALARM_DIGITS * sizeof *a->buckets[level]);
    if (!a->buckets[level] || !put(&a->buckets[level][digit], alarm, key)) return false;
    a->digits[level] |= (uint64_t)1 << digit;
    a->levels |= 1u << level;
    return true;
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

static int compare(const struct weir__alarm_bucket *b, const struct weir__alarm *x, const struct weir__alarm *y)
{
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    int order = memcmp(key_of(b, x), key_of(b, y), x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* A heap sort: of one time there are few as a rule, but there may be many. */
static void sift(const struct weir__alarm_bucket *b, struct weir__alarm *alarms, size_t i, size_t n)
{
    struct weir__alarm alarm = alarms[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && compare(b, &alarms[child], &alarms[child + 1]) < 0) child++;
        if (compare(b, &alarm, &alarms[child]) >= 0) break;
        alarms[i] = alarms[child];
    }
    alarms[i] = alarm;
}

static void sort(const struct weir__alarm_bucket *b, struct weir__alarm *alarms, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) sift(b, alarms, i, n);
    for (size_t left = n; left > 1;) {
        struct weir__alarm last = alarms[--left];
        alarms[left] = alarms[0];
        alarms[0] = last;
        sift(b, alarms, 0, left);
    }
}

/* The last one of the next goes to where it belongs. */
static void put_in_order(struct weir__alarms *a)
{
    const struct weir__alarm_bucket *b = &a->next;
    size_t i = b->n - 1;
    struct weir__alarm alarm = b->alarms[i];
    for (; i > a->rung && compare(b, &alarm, &b->alarms[i - 1]) < 0; i--) b->alarms[i] = b->alarms[i - 1];
    b->alarms[i] = alarm;
}

bool weir__alarms_set(struct weir__alarms *a, const struct weir_key_ref *key, int64_t at)
{
    struct weir__alarm alarm = {.at = at, .hash = key->hash, .n = key->n, .group = key->group};
    if (key->n <= WEIR__ALARM_KEY) memcpy(alarm.key.bytes, key->p, key->n);
    if (at > a->last) return put_behind(a, &alarm, key->p);
    if (!put(&a->next, &alarm, key->p)) return false;
    put_in_order(a);
    return true;
}

/* ---- the next ones ----------------------------------------------------------------------------------------------- */

/* NULL: all are among the next, or there are none. */
static struct weir__alarm_bucket *first_bucket(const struct weir__alarms *a, uint32_t *level, uint32_t *digit)
{
    if (a->levels == 0) return NULL;
    *level = (uint32_t)__builtin_ctz(a->levels);
    *digit = (uint32_t)__builtin_ctzll(a->digits[*level]);
    return &a->buckets[*level][*digit];
}

static void leave(struct weir__alarms *a, uint32_t level, uint32_t digit)
{
    a->digits[level] &= ~((uint64_t)1 << digit);
    if (a->digits[level] == 0) a->levels &= ~(1u << level);
    empty(&a->buckets[level][digit]);
}

/* The alarms of the first bucket's least time go to the end of the next, the others before the bucket. Without memory some
 * are in two buckets, and the job fails. */
static bool deal_out(struct weir__alarms *a, uint32_t level, uint32_t digit)
{
    struct weir__alarm_bucket *from = &a->buckets[level][digit], *next = &a->next;
    size_t before = next->n;
    a->last = from->least;
    for (size_t i = 0; i < from->n; i++) {
        const struct weir__alarm *alarm = &from->alarms[i];
        const uint8_t *key = key_of(from, alarm);
        if (!(alarm->at == a->last ? put(next, alarm, key) : put_behind(a, alarm, key))) return false;
    }
    leave(a, level, digit);
    if (next->n - before > 1) sort(next, next->alarms + before, next->n - before);
    return true;
}

static struct weir_key_ref ref_of(const struct weir__alarm_bucket *b, const struct weir__alarm *alarm)
{
    return (struct weir_key_ref){.p = key_of(b, alarm), .n = alarm->n, .group = alarm->group, .hash = alarm->hash};
}

static void tell(const struct weir__alarms *a)
{
    const struct weir__alarm_bucket *b = &a->next;
    struct weir_key_ref keys[WEIR__ALARMS_AHEAD];
    size_t n = b->n < WEIR__ALARMS_AHEAD ? b->n : WEIR__ALARMS_AHEAD;
    for (size_t i = 0; i < n; i++) keys[i] = ref_of(b, &b->alarms[i]);
    if (a->expect && n > 0) a->expect(a->arg, keys, n);
}

static bool fill(struct weir__alarms *a, int64_t until, size_t most)
{
    uint32_t level, digit;
    empty(&a->next);
    a->rung = 0;
    while (a->next.n < most) {
        const struct weir__alarm_bucket *b = first_bucket(a, &level, &digit);
        if (!b || b->least > until) break;
        if (!deal_out(a, level, digit)) return false;
    }
    tell(a);
    return true;
}

bool weir__alarms_next(struct weir__alarms *a, int64_t until, struct weir_due_timer *due, bool *found)
{
    const struct weir__alarm_bucket *b = &a->next;
    if (b->n == a->rung && !fill(a, until, WEIR__ALARMS_AHEAD)) return false;
    *found = b->n > a->rung && b->alarms[a->rung].at <= until;
    if (!*found) return true;
    const struct weir__alarm *alarm = &b->alarms[a->rung++];
    while (a->rung < b->n && compare(b, alarm, &b->alarms[a->rung]) == 0) a->rung++;
    a->key.n = 0;
    if (!weir_key_bytes_add(&a->key, key_of(b, alarm), alarm->n)) return false;
    *due = (struct weir_due_timer){.key = {.p = a->key.p, .n = alarm->n, .group = alarm->group, .hash = alarm->hash},
                                   .at = alarm->at};
    return true;
}

bool weir__alarms_look_ahead(struct weir__alarms *a, int64_t until, size_t most,
                             void (*fn)(void *arg, const struct weir_key_ref *), void *arg)
{
    const struct weir__alarm_bucket *b = &a->next;
    if (b->n == a->rung && !fill(a, until, most)) return false;
    for (size_t i = a->rung; i < b->n && most > 0 && b->alarms[i].at <= until; i++, most--) {
        const struct weir_key_ref key = ref_of(b, &b->alarms[i]);
        fn(arg, &key);
    }
    return true;
}

bool weir__alarms_waiting(const struct weir__alarms *a)
{
    uint32_t level, digit;
    const struct weir__alarm_bucket *b = first_bucket(a, &level, &digit);
    if (a->next.n > a->rung) return a->next.alarms[a->rung].at < INT64_MAX;
    return b && b->least < INT64_MAX;
}
