/* nexmark - the sources and the two functions of the Nexmark queries.
 *
 * Three sources read one stream of events, each those of its kind (generator.h). Parallel instances take every k-th epoch of
 * it, so that their times go on together. A position is the number of the next event.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weir/udf.h>

#include "generator.h"

/* ---- sources ----------------------------------------------------------------------------------------------------- */

typedef struct part { /* of the epochs: first, first + step ... */
    uint64_t id;
    int64_t step, next; /* the number of the next event, of any kind */
    bool done;
} part;

typedef struct events {
    int64_t events, rate, base;
    part *parts;
    uint32_t n_parts;
} events;

static weir_status events_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    uint32_t parts = weir_about(cx)->parallelism;
    (void)self;
    for (uint32_t i = 0; i < parts; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "%" PRIu32 " of %" PRIu32, i, parts);
        weir_split split = {.struct_size = sizeof split, .id = i, .description = {text, (size_t)n}};
        weir_status s = add(to, &split);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

static weir_status events_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    events *me = self;
    char text[64] = "";
    uint32_t first, step;
    if (split->description.n < sizeof text) memcpy(text, split->description.p, split->description.n);
    if (sscanf(text, "%" SCNu32 " of %" SCNu32, &first, &step) != 2 || (n != 0 && n != sizeof(int64_t)))
        return weir_fail(cx, WEIR_E_BUG, "'%s' is no part of the events", text);
    part p = {.id = split->id, .step = step, .next = (int64_t)first * NEXMARK_EPOCH};
    if (n > 0) memcpy(&p.next, position, n);
    part *grown = cx->host->resize(cx, me->parts, (me->n_parts + 1) * sizeof *grown);
    if (!grown) return weir_fail(cx, WEIR_E_MEMORY, "no memory for %" PRIu32 " parts", me->n_parts + 1);
    me->parts = grown;
    me->parts[me->n_parts++] = p;
    return WEIR_OK;
}

static weir_status events_position(void *self, weir_ctx *cx, int64_t checkpoint, const weir_split *split, void *buf,
                                   size_t cap, size_t *n)
{
    const events *me = self;
    (void)cx;
    (void)checkpoint;
    *n = sizeof(int64_t);
    for (uint32_t i = 0; i < me->n_parts; i++) {
        if (me->parts[i].id == split->id && cap >= *n) memcpy(buf, &me->parts[i].next, *n);
    }
    return WEIR_OK;
}

static void events_close(void *self, weir_ctx *cx)
{
    events *me = self;
    cx->host->release(cx, me->parts);
    me->parts = NULL;
}

/* The first event of a kind from n on, in the epochs of the part. */
static int64_t next_of(enum nexmark_kind kind, int64_t n, int64_t step)
{
    int64_t epoch = n - n % NEXMARK_EPOCH, offset = n % NEXMARK_EPOCH;
    if (kind == NEXMARK_PERSON && offset > 0) return epoch + step * NEXMARK_EPOCH;
    if (kind == NEXMARK_AUCTION && offset == 0) return epoch + 1;
    if (kind == NEXMARK_AUCTION && offset > NEXMARK_AUCTIONS) return epoch + step * NEXMARK_EPOCH + 1;
    if (kind == NEXMARK_BID && offset <= NEXMARK_AUCTIONS) return epoch + NEXMARK_AUCTIONS + 1;
    return n;
}
static int64_t behind(int64_t n, int64_t step)
{
    return (n + 1) % NEXMARK_EPOCH ? n + 1 : n + 1 + (step - 1) * NEXMARK_EPOCH;
}

/* The part that is furthest behind, so that none holds back the others' watermark for long. */
static part *part_to_read(const events *me)
{
    part *found = NULL;
    for (uint32_t i = 0; i < me->n_parts; i++) {
        if (!me->parts[i].done && (!found || me->parts[i].next < found->next)) found = &me->parts[i];
    }
    return found;
}

static inline weir_progress read_events(events *me, weir_ctx *cx, int64_t most, enum nexmark_kind kind,
                                        weir_status (*put_event)(const events *, weir_ctx *, int64_t n))
{
    part *p = part_to_read(me);
    if (!p) return WEIR_DONE;
    if (cx->host->split_begin(cx, p->id) != WEIR_OK) return WEIR_FAILED;
    for (int64_t i = 0; i < most && !weir_full(cx); i++) {
        int64_t n = next_of(kind, p->next, p->step);
        if (n >= me->events) {
            p->done = true;
            p->next = n;
            return cx->host->split_done(cx, p->id) == WEIR_OK ? WEIR_MADE : WEIR_FAILED;
        }
        if (put_event(me, cx, n) != WEIR_OK || weir_emit(cx, 0, me->base + nexmark_time(n, me->rate)) != WEIR_OK)
            return WEIR_FAILED;
        p->next = behind(n, p->step);
    }
    return WEIR_MADE;
}

static weir_status put(weir_ctx *cx, uint32_t column, struct nexmark_text text)
{
    return weir_put_text(cx, 0, column, (weir_str){text.p, text.n});
}

static weir_status put_person(const events *me, weir_ctx *cx, int64_t n)
{
    char buffer[NEXMARK_BUFFER];
    struct nexmark_person e = nexmark_person_at(n, buffer);
    const struct nexmark_text texts[] = {e.name, e.email, e.card, e.city, e.state, e.extra};
    weir_put_i64(cx, 0, 0, e.id);
    for (uint32_t i = 0; i < WEIR_LEN(texts); i++) {
        if (put(cx, 1 + i, texts[i]) != WEIR_OK) return WEIR_E_MEMORY;
    }
    weir_put_i64(cx, 0, 7, me->base + nexmark_time(n, me->rate));
    return WEIR_OK;
}
static weir_status put_auction(const events *me, weir_ctx *cx, int64_t n)
{
    char buffer[NEXMARK_BUFFER];
    struct nexmark_auction e = nexmark_auction_at(n, me->rate, buffer);
    weir_put_i64(cx, 0, 0, e.id);
    weir_put_i64(cx, 0, 3, e.initial_bid);
    weir_put_i64(cx, 0, 4, e.reserve);
    weir_put_i64(cx, 0, 5, me->base + nexmark_time(n, me->rate));
    weir_put_i64(cx, 0, 6, me->base + e.expires);
    weir_put_i64(cx, 0, 7, e.seller);
    weir_put_i64(cx, 0, 8, e.category);
    weir_status s = put(cx, 1, e.item);
    if (s == WEIR_OK) s = put(cx, 2, e.description);
    return s == WEIR_OK ? put(cx, 9, e.extra) : s;
}
/* Its letters are made where they stay: copying them took a sixth of the time. */
static weir_status put_bid(const events *me, weir_ctx *cx, int64_t n)
{
    weir_out_column *extra = &cx->out[0]->columns[4];
    int32_t *offsets = extra->offsets + cx->out[0]->length;
    if (extra->bytes_capacity - offsets[0] < NEXMARK_BID_BUFFER) {
        weir_status s = cx->host->reserve_bytes(cx, 0, 4, NEXMARK_BID_BUFFER);
        if (s != WEIR_OK) return s;
    }
    struct nexmark_bid e = nexmark_bid_at(n, (char *)extra->data + offsets[0]);
    offsets[1] = offsets[0] + (int32_t)e.extra.n;
    weir_put_i64(cx, 0, 0, e.auction);
    weir_put_i64(cx, 0, 1, e.bidder);
    weir_put_i64(cx, 0, 2, e.price);
    weir_put_i64(cx, 0, 3, me->base + nexmark_time(n, me->rate));
    return WEIR_OK;
}

static weir_progress persons_poll(void *self, weir_ctx *cx, int64_t most)
{
    return read_events(self, cx, most, NEXMARK_PERSON, put_person);
}
static weir_progress auctions_poll(void *self, weir_ctx *cx, int64_t most)
{
    return read_events(self, cx, most, NEXMARK_AUCTION, put_auction);
}
static weir_progress bids_poll(void *self, weir_ctx *cx, int64_t most)
{
    return read_events(self, cx, most, NEXMARK_BID, put_bid);
}

static const weir_option events_options[] = {
    WEIR_OPTION(events, events, .def = "100000", .min = "0", .doc = "how many events there are, of all kinds"),
    WEIR_OPTION(events, rate, .def = "10000", .min = "1", .doc = "events of a second of their own time"),
    WEIR_OPTION(events, base, .def = "1436918400000", .doc = "time of the first event, in ms since 1970"),
};
#define SOURCE(T, name, words, schema)                                                  \
    static const weir_source T##_vtable = {.struct_size = sizeof(weir_source),          \
                                           .discover = events_discover,                 \
                                           .add_split = events_add_split,               \
                                           .poll = T##_poll,                            \
                                           .position = events_position,                 \
                                           .close = events_close};                      \
    static const weir_component T##_component = {.struct_size = sizeof(weir_component), \
                                                 .kind = WEIR_SOURCE,                   \
                                                 .id = name,                            \
                                                 .doc = words,                          \
                                                 .out = schema,                         \
                                                 .flags = WEIR_REPLAYABLE,              \
                                                 .instance_size = sizeof(events),       \
                                                 .options = events_options,             \
                                                 .n_options = WEIR_LEN(events_options), \
                                                 .option_stride = sizeof(weir_option),  \
                                                 .vtable = &T##_vtable}
SOURCE(persons, "nexmark_persons", "persons who register with an auction site",
       "id:i64, name:string, email:string, credit_card:string, city:string, state:string, extra:string, at:timestamp");
SOURCE(auctions, "nexmark_auctions", "auctions that they open",
       "id:i64, item:string, description:string, initial_bid:i64, reserve:i64, at:timestamp, expires:timestamp, seller:i64, "
       "category:i64, extra:string");
SOURCE(bids, "nexmark_bids", "bids for them", "auction:i64, bidder:i64, price:i64, at:timestamp, extra:string");

/* ---- query 3: each auction beside its seller, whichever comes first ---------------------------------------------- */

typedef struct offers {
    char unused;
} offers;
typedef struct seller {
    weir_str name, city, state;
} seller;
typedef struct offer {
    int64_t auction;
} offer;
static const weir_field seller_members[] = {WEIR_MEMBER(seller, name), WEIR_MEMBER(seller, city),
                                            WEIR_MEMBER(seller, state)};
static const weir_field offer_members[] = {WEIR_MEMBER(offer, auction)};
static const weir_state offers_states[] = {WEIR_VALUE_STATE("seller", seller, seller_members),
                                           WEIR_LIST_STATE("waiting", offer, offer_members)};
enum { SELLER, WAITING };

static weir_status give_offer(weir_ctx *cx, const seller *who, int64_t auction, int64_t time)
{
    weir_status s = weir_put_text(cx, 0, 0, who->name);
    if (s == WEIR_OK) s = weir_put_text(cx, 0, 1, who->city);
    if (s == WEIR_OK) s = weir_put_text(cx, 0, 2, who->state);
    weir_put_i64(cx, 0, 3, auction);
    return s == WEIR_OK ? weir_emit(cx, 0, time) : s;
}

static weir_status offers_first(offers *me, weir_ctx *cx, weir_row in)
{
    offer o = {weir_i64(in, 0)};
    const seller *who = weir_get(cx, SELLER);
    (void)me;
    return who ? give_offer(cx, who, o.auction, weir_time(in)) : weir_list_add(cx, WAITING, &o);
}

static weir_status offers_second(offers *me, weir_ctx *cx, weir_row in)
{
    seller *who = weir_edit(cx, SELLER);
    (void)me;
    if (!who) return WEIR_E_MEMORY;
    weir_status s = weir_assign(cx, SELLER, &who->name, weir_text(in, 0));
    if (s == WEIR_OK) s = weir_assign(cx, SELLER, &who->city, weir_text(in, 1));
    if (s == WEIR_OK) s = weir_assign(cx, SELLER, &who->state, weir_text(in, 2));
    for (size_t i = 0, n = weir_list_size(cx, WAITING); s == WEIR_OK && i < n; i++) {
        const offer *o = weir_list_at(cx, WAITING, i);
        s = give_offer(cx, who, o->auction, weir_time(in));
    }
    return s == WEIR_OK ? weir_clear(cx, WAITING) : s;
}
static weir_status offers_timer(offers *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    (void)cx;
    (void)t;
    return WEIR_OK; /* none is set */
}
WEIR_CO_KEYED(offers, .id = "nexmark_offers", .doc = "what a person sells",
              .in = "auctions(id:i64), persons(name:string, city:string, state:string)",
              .out = "name:string, city:string, state:string, auction:i64", WEIR_STATES(offers_states));

/* ---- query 5: the largest counts of a window --------------------------------------------------------------------- */

typedef struct hottest {
    char unused;
} hottest;
typedef struct counted {
    int64_t auction, bids;
} counted;
static const weir_field counted_members[] = {WEIR_MEMBER(counted, auction), WEIR_MEMBER(counted, bids)};
static const weir_state hottest_states[] = {WEIR_LIST_STATE("largest", counted, counted_members)};
enum { LARGEST };

/* Only what is as large as the largest is kept. */
static weir_status hottest_row(hottest *me, weir_ctx *cx, weir_row in)
{
    counted c = {weir_i64(in, 0), weir_i64(in, 1)};
    const counted *largest = weir_list_at(cx, LARGEST, 0);
    (void)me;
    if (largest && c.bids < largest->bids) return WEIR_OK;
    if (largest && c.bids > largest->bids) return weir_list_update(cx, LARGEST, &c, 1);
    weir_status s = weir_list_add(cx, LARGEST, &c);
    return s == WEIR_OK ? weir_set_timer(cx, WEIR_EVENT_TIME, 0, weir_i64(weir_key(cx), 0)) : s;
}

static weir_status hottest_timer(hottest *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    for (size_t i = 0, n = weir_list_size(cx, LARGEST); i < n; i++) {
        const counted *c = weir_list_at(cx, LARGEST, i);
        weir_put_i64(cx, 0, 0, c->auction);
        weir_put_i64(cx, 0, 1, c->bids);
        if (weir_emit(cx, 0, t->at) != WEIR_OK) return WEIR_E_MEMORY;
    }
    return weir_clear(cx, LARGEST);
}
WEIR_KEYED(hottest, .id = "nexmark_hottest", .doc = "the auctions with most bids of each window",
           .in = "auction:i64, bids:i64", .out = "@key, auction:i64, bids:i64", WEIR_STATES(hottest_states));

WEIR_PLUGIN("example.nexmark", "1.0.0", &persons_component, &auctions_component, &bids_component, &offers_component,
            &hottest_component);
