/* alarms.c - a radix heap: an alarm is in the bucket numbered by the highest bit in which its time differs from the last one
 * that rang, so a bucket's times are all before those of the next. When the first buckets are empty, the next one is dealt
 * out among them. An alarm moves down at most 64 times, a handful as a rule, and memory is read and written from end to end.
 * Ahuja, Mehlhorn, Orlin and Tarjan 1990.
 *
 * Bucket 0 is in order, and filled for some tens of alarms at a time, so that whoever is rung can have their keys brought
 * to memory. Subtask's thread.
 */
#include "window/alarms.h"

#include <string.h>

#include "base/alloc.h"

#define KEPT_BYTES ((size_t)1 << 22) /* of an empty bucket */

/* Of a time after the last. */
static uint32_t bucket_of(const struct weir__alarms *a, int64_t at)
{
    return at <= a->last ? 0 : 64 - (uint32_t)__builtin_clzll((uint64_t)at ^ (uint64_t)a->last);
}

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
    for (uint32_t i = 0; i < WEIR__ALARM_BUCKETS; i++) forget(&a->buckets[i]);
    weir_key_bytes_finish(&a->key);
    weir__alarms_init(a);
}

/* ---- into a bucket ----------------------------------------------------------------------------------------------- */

static bool reserve(struct weir__alarm_bucket *b, size_t n_bytes)
{
    if (b->n == b->capacity) {
        size_t capacity = b->capacity ? b->capacity * 2 : 16;
        struct weir__alarm *alarms = weir_try_realloc(b->alarms, capacity * sizeof *alarms);
        if (!alarms) return false;
        b->alarms = alarms;
        b->capacity = capacity;
    }
    if (b->bytes_capacity - b->n_bytes >= n_bytes) return true;
    size_t capacity = (b->n_bytes + n_bytes) * 2;
    uint8_t *bytes = weir_try_realloc(b->bytes, capacity);
    if (!bytes) return false;
    b->bytes = bytes;
    b->bytes_capacity = capacity;
    return true;
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

/* The last one of bucket 0 goes to where it belongs. */
static void put_in_order(struct weir__alarms *a)
{
    const struct weir__alarm_bucket *b = &a->buckets[0];
    size_t i = b->n - 1;
    struct weir__alarm alarm = b->alarms[i];
    for (; i > a->rung && compare(b, &alarm, &b->alarms[i - 1]) < 0; i--) b->alarms[i] = b->alarms[i - 1];
    b->alarms[i] = alarm;
}

bool weir__alarms_set(struct weir__alarms *a, const struct weir_key_ref *key, int64_t at)
{
    struct weir__alarm alarm = {.at = at, .hash = key->hash, .n = key->n, .group = key->group};
    if (key->n <= WEIR__ALARM_KEY) memcpy(alarm.key.bytes, key->p, key->n);
    uint32_t i = bucket_of(a, at);
    if (!put(&a->buckets[i], &alarm, key->p)) return false;
    if (i == 0) put_in_order(a);
    return true;
}

/* ---- the next ones ----------------------------------------------------------------------------------------------- */

/* The first bucket behind 0 that has any; 0: none has. */
static uint32_t first_bucket(const struct weir__alarms *a)
{
    for (uint32_t i = 1; i < WEIR__ALARM_BUCKETS; i++) {
        if (a->buckets[i].n > 0) return i;
    }
    return 0;
}

/* The alarms of the bucket's least time go to the end of bucket 0, the others before the bucket. Without memory some are
 * in two buckets, and the job fails. */
static bool deal_out(struct weir__alarms *a, uint32_t bucket)
{
    struct weir__alarm_bucket *from = &a->buckets[bucket], *first = &a->buckets[0];
    size_t before = first->n;
    a->last = from->least;
    for (size_t i = 0; i < from->n; i++) {
        const struct weir__alarm *alarm = &from->alarms[i];
        if (!put(&a->buckets[bucket_of(a, alarm->at)], alarm, key_of(from, alarm))) return false;
    }
    empty(from);
    if (first->n - before > 1) sort(first, first->alarms + before, first->n - before);
    return true;
}

static struct weir_key_ref ref_of(const struct weir__alarm_bucket *b, const struct weir__alarm *alarm)
{
    return (struct weir_key_ref){.p = key_of(b, alarm), .n = alarm->n, .group = alarm->group, .hash = alarm->hash};
}

static void tell(const struct weir__alarms *a)
{
    const struct weir__alarm_bucket *b = &a->buckets[0];
    struct weir_key_ref keys[WEIR__ALARMS_AHEAD];
    size_t n = b->n < WEIR__ALARMS_AHEAD ? b->n : WEIR__ALARMS_AHEAD;
    for (size_t i = 0; i < n; i++) keys[i] = ref_of(b, &b->alarms[i]);
    if (a->expect && n > 0) a->expect(a->arg, keys, n);
}

static bool fill(struct weir__alarms *a, int64_t until, size_t most)
{
    empty(&a->buckets[0]);
    a->rung = 0;
    while (a->buckets[0].n < most) {
        uint32_t i = first_bucket(a);
        if (i == 0 || a->buckets[i].least > until) break;
        if (!deal_out(a, i)) return false;
    }
    tell(a);
    return true;
}

bool weir__alarms_next(struct weir__alarms *a, int64_t until, struct weir_due_timer *due, bool *found)
{
    const struct weir__alarm_bucket *b = &a->buckets[0];
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
    const struct weir__alarm_bucket *b = &a->buckets[0];
    if (b->n == a->rung && !fill(a, until, most)) return false;
    for (size_t i = a->rung; i < b->n && most > 0 && b->alarms[i].at <= until; i++, most--) {
        const struct weir_key_ref key = ref_of(b, &b->alarms[i]);
        fn(arg, &key);
    }
    return true;
}

bool weir__alarms_waiting(const struct weir__alarms *a)
{
    uint32_t i = first_bucket(a);
    if (a->buckets[0].n > a->rung) return a->buckets[0].alarms[a->rung].at < INT64_MAX;
    return i > 0 && a->buckets[i].least < INT64_MAX;
}
