/* generator.h - the events of an online auction by their numbers: persons, the auctions they open, bids.
 *
 * Shares, sizes and skews are those of the Nexmark benchmark; the random numbers are this file's own. README.md specifies
 * every draw, so that another program can make the same events. An event depends on its number alone: any part of the
 * stream can be made by anyone, again and in any order.
 */
#ifndef NEXMARK_GENERATOR_H
#define NEXMARK_GENERATOR_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Of 50 events the first is a person, the next three are auctions, the others bids. */
#define NEXMARK_EPOCH    50
#define NEXMARK_AUCTIONS 3
#define NEXMARK_BIDS     46

#define NEXMARK_FIRST_ID       1000 /* of persons and of auctions */
#define NEXMARK_FIRST_CATEGORY 10
#define NEXMARK_CATEGORIES     5
#define NEXMARK_HOT_GROUP      100  /* of each so many in a row, one is hot */
#define NEXMARK_LEAD           10   /* ids that do not exist yet, and may be drawn */
#define NEXMARK_ACTIVE         1000 /* persons */
#define NEXMARK_IN_FLIGHT      100  /* auctions */

enum nexmark_kind { NEXMARK_PERSON, NEXMARK_AUCTION, NEXMARK_BID };

/* Texts point into the buffer of whoever asks for the event. */
struct nexmark_text {
    const char *p;
    uint32_t n;
};
#define NEXMARK_BUFFER     2048
#define NEXMARK_BID_BUFFER 128 /* is enough for a bid */

struct nexmark_person {
    int64_t id;
    struct nexmark_text name, email, card, city, state, extra;
};
struct nexmark_auction {
    int64_t id, initial_bid, reserve, expires, seller, category;
    struct nexmark_text item, description, extra;
};
struct nexmark_bid {
    int64_t auction, bidder, price;
    struct nexmark_text extra;
};

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

struct nexmark_dice {
    uint64_t state;
};

/* SplitMix64 (Steele, Lea and Flood 2014). */
static inline uint64_t nexmark_draw(struct nexmark_dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
/* 0 .. n - 1, of the upper half of a draw. */
static inline int64_t nexmark_below(struct nexmark_dice *d, uint32_t n)
{
    return (int64_t)((nexmark_draw(d) >> 32) * n >> 32);
}
/* In cents, from 100 to 100,000,000: as many of one size as of ten times that. */
static inline int64_t nexmark_price(struct nexmark_dice *d)
{
    double u = (double)(nexmark_draw(d) >> 11) * 0x1p-53;
    return (int64_t)floor(pow(10, u * 6) * 100 + 0.5);
}

/* Two letters for each number below 26 * 26: those of its digits in base 26, the last digit first. */
#define NEXMARK_PAIRS(z)                                                                                                    \
    "a" z "b" z "c" z "d" z "e" z "f" z "g" z "h" z "i" z "j" z "k" z "l" z "m" z "n" z "o" z "p" z "q" z "r" z "s" z "t" z \
    "u" z "v" z "w" z "x" z "y" z "z" z
static const char nexmark_pairs[] = NEXMARK_PAIRS("a") NEXMARK_PAIRS("b") NEXMARK_PAIRS("c") NEXMARK_PAIRS("d")
    NEXMARK_PAIRS("e") NEXMARK_PAIRS("f") NEXMARK_PAIRS("g") NEXMARK_PAIRS("h") NEXMARK_PAIRS("i") NEXMARK_PAIRS("j")
        NEXMARK_PAIRS("k") NEXMARK_PAIRS("l") NEXMARK_PAIRS("m") NEXMARK_PAIRS("n") NEXMARK_PAIRS("o") NEXMARK_PAIRS("p")
            NEXMARK_PAIRS("q") NEXMARK_PAIRS("r") NEXMARK_PAIRS("s") NEXMARK_PAIRS("t") NEXMARK_PAIRS("u") NEXMARK_PAIRS("v")
                NEXMARK_PAIRS("w") NEXMARK_PAIRS("x") NEXMARK_PAIRS("y") NEXMARK_PAIRS("z");

/* The same for four digits. */
static inline void nexmark_four(uint32_t number, char *to)
{
    memcpy(to, nexmark_pairs + 2 * (number % 676), 2);
    memcpy(to + 2, nexmark_pairs + 2 * (number / 676), 2);
}
/* Twelve letters of a draw, the first from its last digit in base 26; by fours, since one division after the other takes
 * longer than all else. Whole draws are written: up to 11 letters more than n. */
static inline char *nexmark_letters(struct nexmark_dice *d, char *to, uint32_t n)
{
    const uint32_t four = 26 * 26 * 26 * 26;
    for (uint32_t i = 0; i < n; i += 12) {
        uint64_t digits = nexmark_draw(d);
        nexmark_four((uint32_t)(digits % four), to + i);
        nexmark_four((uint32_t)(digits / four % four), to + i + 4);
        nexmark_four((uint32_t)(digits / four / four % four), to + i + 8);
    }
    return to + n;
}
static inline struct nexmark_text nexmark_word(struct nexmark_dice *d, char **to, uint32_t most)
{
    uint32_t n = 3 + (uint32_t)nexmark_below(d, most - 3);
    struct nexmark_text text = {*to, n};
    *to = nexmark_letters(d, *to, n);
    return text;
}
/* What fills an event up to its mean size, within a fifth of what is missing. */
static inline struct nexmark_text nexmark_extra(struct nexmark_dice *d, char *to, uint32_t size, uint32_t mean)
{
    if (size >= mean) return (struct nexmark_text){to, 0};
    uint32_t missing = mean - size, fifth = (missing + 2) / 5;
    uint32_t n = missing - fifth + (fifth > 0 ? (uint32_t)nexmark_below(d, 2 * fifth) : 0);
    nexmark_letters(d, to, n);
    return (struct nexmark_text){to, n};
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static inline enum nexmark_kind nexmark_kind_of(int64_t n)
{
    int64_t offset = n % NEXMARK_EPOCH;
    return offset == 0 ? NEXMARK_PERSON : offset <= NEXMARK_AUCTIONS ? NEXMARK_AUCTION : NEXMARK_BID;
}
/* The last person, and the last auction, up to event n, counted from 0; -1: none yet. */
static inline int64_t nexmark_last_person(int64_t n)
{
    return n / NEXMARK_EPOCH;
}
static inline int64_t nexmark_last_auction(int64_t n)
{
    int64_t offset = n % NEXMARK_EPOCH;
    int64_t in_epoch = offset > NEXMARK_AUCTIONS ? NEXMARK_AUCTIONS : offset; /* so many until then */
    return n / NEXMARK_EPOCH * NEXMARK_AUCTIONS + in_epoch - 1;
}
/* ms since `base` */
static inline int64_t nexmark_time(int64_t n, int64_t rate)
{
    return n / rate * 1000 + n % rate * 1000 / rate;
}

static inline struct nexmark_dice nexmark_dice_of(int64_t n)
{
    return (struct nexmark_dice){(uint64_t)n * 0xd1342543de82ef95u};
}
static inline int64_t nexmark_any_person(struct nexmark_dice *d, int64_t n)
{
    int64_t persons = nexmark_last_person(n) + 1, active = persons < NEXMARK_ACTIVE ? persons : NEXMARK_ACTIVE;
    return persons - active + nexmark_below(d, (uint32_t)active + NEXMARK_LEAD);
}
static inline int64_t nexmark_any_auction(struct nexmark_dice *d, int64_t n)
{
    int64_t last = nexmark_last_auction(n), first = last > NEXMARK_IN_FLIGHT ? last - NEXMARK_IN_FLIGHT : 0;
    return first + nexmark_below(d, (uint32_t)(last - first + 1 + NEXMARK_LEAD));
}
static inline int64_t nexmark_hot(int64_t last)
{
    return last / NEXMARK_HOT_GROUP * NEXMARK_HOT_GROUP;
}

static inline struct nexmark_text nexmark_one_of(struct nexmark_dice *d, const char *const *words, uint32_t n)
{
    const char *word = words[nexmark_below(d, n)];
    return (struct nexmark_text){word, (uint32_t)strlen(word)};
}
static inline char *nexmark_append(char *to, struct nexmark_text text)
{
    memcpy(to, text.p, text.n);
    return to + text.n;
}

static inline struct nexmark_text nexmark_name(struct nexmark_dice *d, char **to)
{
    static const char *const first[] = {"Peter", "Paul",  "Luke",  "John",   "Saul",  "Vicky",
                                        "Kate",  "Julie", "Sarah", "Deiter", "Walter"};
    static const char *const last[] = {"Shultz", "Abrams", "Spencer", "White", "Bartels",
                                       "Walton", "Smith",  "Jones",   "Noris"};
    char *from = *to;
    *to = nexmark_append(*to, nexmark_one_of(d, first, 11));
    *(*to)++ = ' ';
    *to = nexmark_append(*to, nexmark_one_of(d, last, 9));
    return (struct nexmark_text){from, (uint32_t)(*to - from)};
}
static inline struct nexmark_text nexmark_email(struct nexmark_dice *d, char **to)
{
    char *from = *to;
    (void)nexmark_word(d, to, 7);
    *(*to)++ = '@';
    (void)nexmark_word(d, to, 5);
    *to = nexmark_append(*to, (struct nexmark_text){".com", 4});
    return (struct nexmark_text){from, (uint32_t)(*to - from)};
}
static inline struct nexmark_text nexmark_card(struct nexmark_dice *d, char **to)
{
    char *from = *to;
    for (uint32_t i = 0; i < 4; i++) {
        int64_t digits = nexmark_below(d, 10000);
        for (uint32_t k = 0; k < 4; k++, digits /= 10) (*to)[3 - k] = (char)('0' + digits % 10);
        *to += 4;
        if (i < 3) *(*to)++ = ' ';
    }
    return (struct nexmark_text){from, (uint32_t)(*to - from)};
}

/* The members of an event are drawn in the order in which they are set. n must be of the kind. */
static inline struct nexmark_person nexmark_person_at(int64_t n, char *buffer)
{
    static const char *const states[] = {"AZ", "CA", "ID", "OR", "WA", "WY"};
    static const char *const cities[] = {"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
                                         "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
    struct nexmark_dice d = nexmark_dice_of(n);
    struct nexmark_person p = {.id = nexmark_last_person(n) + NEXMARK_FIRST_ID};
    p.name = nexmark_name(&d, &buffer);
    p.email = nexmark_email(&d, &buffer);
    p.card = nexmark_card(&d, &buffer);
    p.city = nexmark_one_of(&d, cities, 10);
    p.state = nexmark_one_of(&d, states, 6);
    p.extra = nexmark_extra(&d, buffer, 8 + p.name.n + p.email.n + p.card.n + p.city.n + p.state.n, 200);
    return p;
}

static inline struct nexmark_auction nexmark_auction_at(int64_t n, int64_t rate, char *buffer)
{
    struct nexmark_dice d = nexmark_dice_of(n);
    struct nexmark_auction a = {.id = nexmark_last_auction(n) + NEXMARK_FIRST_ID};
    bool hot = nexmark_below(&d, 4) > 0;
    a.seller = (hot ? nexmark_hot(nexmark_last_person(n)) : nexmark_any_person(&d, n)) + NEXMARK_FIRST_ID;
    a.category = NEXMARK_FIRST_CATEGORY + nexmark_below(&d, NEXMARK_CATEGORIES);
    a.initial_bid = nexmark_price(&d);
    /* On the mean an auction is open for as long as it takes until so many others were opened. */
    int64_t ahead = NEXMARK_IN_FLIGHT * NEXMARK_EPOCH / NEXMARK_AUCTIONS;
    int64_t horizon = nexmark_time(n + ahead, rate) - nexmark_time(n, rate);
    a.expires = nexmark_time(n, rate) + 1 + nexmark_below(&d, horizon > 0 ? (uint32_t)horizon * 2 : 1);
    a.item = nexmark_word(&d, &buffer, 20);
    a.description = nexmark_word(&d, &buffer, 100);
    a.reserve = a.initial_bid + nexmark_price(&d);
    a.extra = nexmark_extra(&d, buffer, 48 + a.item.n + a.description.n, 500);
    return a;
}

static inline struct nexmark_bid nexmark_bid_at(int64_t n, char *buffer)
{
    struct nexmark_dice d = nexmark_dice_of(n);
    struct nexmark_bid b;
    bool hot = nexmark_below(&d, 2) > 0;
    b.auction = (hot ? nexmark_hot(nexmark_last_auction(n)) : nexmark_any_auction(&d, n)) + NEXMARK_FIRST_ID;
    hot = nexmark_below(&d, 4) > 0; /* the second of its group: hot bidders are not hot sellers */
    b.bidder = (hot ? nexmark_hot(nexmark_last_person(n)) + 1 : nexmark_any_person(&d, n)) + NEXMARK_FIRST_ID;
    b.price = nexmark_price(&d);
    b.extra = nexmark_extra(&d, buffer, 32, 100);
    return b;
}

#endif
