#!/usr/bin/env python3
"""Oracle of examples/nexmark: the events as its README specifies them, and what the queries must give.

    nexmark.py QUERY [--events 100000] [--rate 10000] > expected.csv

QUERY is persons, auctions or bids (all fields of these events), or q0, q1, q2, q3, q5, q8, q11. q12 goes by the clock, so
nobody can foresee it: here it is the bids of each bidder, which its windows share out. The lines after the header are
sorted. Made from examples/nexmark/README.md and the manifests alone, never from generator.h.
"""
import argparse
import collections
import math

from common import sliding_windows

START = 1_436_918_400_000
MASK = (1 << 64) - 1
FIRST_NAMES = "Peter Paul Luke John Saul Vicky Kate Julie Sarah Deiter Walter".split()
LAST_NAMES = "Shultz Abrams Spencer White Bartels Walton Smith Jones Noris".split()
CITIES = ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"]
STATES = "AZ CA ID OR WA WY".split()
FIRST_ID = 1000
LETTERS = "abcdefghijklmnopqrstuvwxyz"
THREE_LETTERS = [a + b + c for c in LETTERS for b in LETTERS for a in LETTERS]  # by their number, the first letter lowest

Person = collections.namedtuple("Person", "id name email credit_card city state extra at")
Auction = collections.namedtuple("Auction", "id item description initial_bid reserve at expires seller category extra")
Bid = collections.namedtuple("Bid", "auction bidder price at extra")


class Dice:
    """What is drawn for the event of a number, in this order."""

    def __init__(self, number):
        self.state = number * 0xD1342543DE82EF95 & MASK

    def draw(self):
        self.state = z = self.state + 0x9E3779B97F4A7C15 & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return z ^ z >> 31

    def below(self, m):
        return (self.draw() >> 32) * m >> 32

    def of(self, names):
        return names[self.below(len(names))]

    def price(self):
        return math.floor(math.pow(10, 6 * ((self.draw() >> 11) / 2**53)) * 100 + 0.5)

    def letters(self, k):
        text = ""
        while len(text) < k:
            draw = self.draw()
            for _ in range(4):
                draw, three = divmod(draw, 26**3)
                text += THREE_LETTERS[three]
        return text[:k]

    def word(self, m):
        return self.letters(3 + self.below(m - 3))

    def extra(self, size, mean):
        if size >= mean:
            return ""
        missing = mean - size
        fifth = (missing + 2) // 5
        return self.letters(missing - fifth + (self.below(2 * fifth) if fifth else 0))


# ---- the events ------------------------------------------------------------------------------------------------------


def last_person(n):
    return n // 50


def last_auction(n):
    return n // 50 * 3 + min(n % 50, 3) - 1


def hot(x):
    return x // 100 * 100


def any_person(n, dice):
    p = last_person(n) + 1
    a = min(p, 1000)
    return p - a + dice.below(a + 10)


def any_auction(n, dice):
    last = last_auction(n)
    first = max(last - 100, 0)
    return first + dice.below(last - first + 1 + 10)


def time(n, rate):
    return START + n * 1000 // rate


def person(n, rate):
    dice = Dice(n)
    name = dice.of(FIRST_NAMES) + " " + dice.of(LAST_NAMES)
    email = dice.word(7) + "@" + dice.word(5) + ".com"
    card = " ".join(f"{dice.below(10000):04}" for _ in range(4))
    city, state = dice.of(CITIES), dice.of(STATES)
    extra = dice.extra(8 + sum(map(len, (name, email, card, city, state))), 200)
    return Person(FIRST_ID + last_person(n), name, email, card, city, state, extra, time(n, rate))


def auction(n, rate):
    dice = Dice(n)
    seller = hot(last_person(n)) if dice.below(4) else any_person(n, dice)
    category = 10 + dice.below(5)
    initial_bid = dice.price()
    half = time(n + 1666, rate) - time(n, rate)
    expires = time(n, rate) + 1 + dice.below(2 * half if half else 1)
    item, description = dice.word(20), dice.word(100)
    reserve = initial_bid + dice.price()
    extra = dice.extra(48 + len(item) + len(description), 500)
    return Auction(FIRST_ID + last_auction(n), item, description, initial_bid, reserve, time(n, rate), expires,
                   FIRST_ID + seller, category, extra)


def bid(n, rate, with_extra=True):
    """Most queries have no use for the extra, and it takes most of the time; nothing is drawn after it."""
    dice = Dice(n)
    of = hot(last_auction(n)) if dice.below(2) else any_auction(n, dice)
    bidder = hot(last_person(n)) + 1 if dice.below(4) else any_person(n, dice)
    price = dice.price()
    return Bid(FIRST_ID + of, FIRST_ID + bidder, price, time(n, rate), dice.extra(32, 100) if with_extra else "")


def persons(events, rate):
    return [person(n, rate) for n in range(0, events, 50)]


def auctions(events, rate):
    return [auction(n, rate) for n in range(events) if 1 <= n % 50 <= 3]


def bids(events, rate, with_extra=False):
    return [bid(n, rate, with_extra) for n in range(events) if n % 50 >= 4]


# ---- the queries: each gives its header, and rows --------------------------------------------------------------------


def raw_persons(*size):
    return Person._fields, persons(*size)


def raw_auctions(*size):
    return Auction._fields, auctions(*size)


def raw_bids(*size):
    return Bid._fields, bids(*size, with_extra=True)


def q1(*size):
    """Python writes a float as weir does: the fewest digits that are read as the same number."""
    return ("auction", "bidder", "price", "at"), [(b.auction, b.bidder, repr(b.price * 0.908), b.at) for b in bids(*size)]


def q2(*size):
    return ("auction", "price"), [(b.auction, b.price) for b in bids(*size) if b.auction % 123 == 0]


def q3(*size):
    local = {p.id: p for p in persons(*size) if p.state in ("OR", "ID", "CA")}
    offers = [(local[a.seller], a) for a in auctions(*size) if a.category == 10 and a.seller in local]
    return ("name", "city", "state", "auction"), [(p.name, p.city, p.state, a.id) for p, a in offers]


def q5(*size):
    counts = collections.Counter((start + 10_000, b.auction) for b in bids(*size)
                                 for start in sliding_windows(b.at, 10_000, 2_000))
    most = collections.Counter()
    for (end, _), count in counts.items():
        most[end] = max(most[end], count)
    return ("window_end", "auction", "bids"), [(end, of, n) for (end, of), n in counts.items() if n == most[end]]


def q8(*size):
    """Persons are unique, and sellers are counted: at most one row for a person."""
    sellers = {(a.seller, a.at // 10_000) for a in auctions(*size)}
    return ("id", "name", "window_start"), [(p.id, p.name, p.at // 10_000 * 10_000) for p in persons(*size)
                                            if (p.id, p.at // 10_000) in sellers]


def q11(*size):
    """A bid exactly ten seconds after another is in its session: sessions that touch are one."""
    rows, of_bidder = [], collections.defaultdict(list)
    for b in bids(*size):
        of_bidder[b.bidder].append(b.at)
    for bidder, times in of_bidder.items():
        begins = [i for i, at in enumerate(times) if i == 0 or at - times[i - 1] > 10_000]
        rows += [(bidder, end - begin, times[begin], times[end - 1] + 10_000)
                 for begin, end in zip(begins, [*begins[1:], len(times)])]
    return ("bidder", "bids", "window_start", "window_end"), rows


def q12(*size):
    return ("bidder", "bids"), collections.Counter(b.bidder for b in bids(*size)).items()


QUERIES = {"persons": raw_persons, "auctions": raw_auctions, "bids": raw_bids, "q0": raw_bids, "q1": q1, "q2": q2, "q3": q3,
           "q5": q5, "q8": q8, "q11": q11, "q12": q12}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("query", choices=QUERIES)
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--rate", type=int, default=10_000)
    given = options.parse_args()
    header, rows = QUERIES[given.query](given.events, given.rate)
    print(*header, sep=",")
    for line in sorted(",".join(map(str, row)) for row in rows):
        print(line)


if __name__ == "__main__":
    main()
