#!/usr/bin/env python3
"""Writes the sample inputs of the examples anew.

Everything in them is invented. The generator is seeded, so that the same program gives the same files.
"""
import pathlib
import random
import time

HERE = pathlib.Path(__file__).parent
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0",
          "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_4) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1",
          "curl/7.88.1", "ExampleBot/1.2 (+http://bot.example/)"]
PAGES = ["/", "/index.html", "/news/", "/news/flood-warning", "/weirs/upper", "/weirs/lower", "/weirs/mill-lane", "/about",
         "/levels?gauge=3&days=7", "/levels?gauge=11&days=1", "/img/logo.svg", "/css/site.css", "/feed.xml", "/robots.txt",
         "/contact", "/search?q=fish+pass", "/search?q=%22sluice%22", "/photos/2024/05/", "/favicon.ico", "/login"]


def out_of_order(random, moments, disorder):
    """Moments as a busy server logs them: each line is written when its request is over."""
    return [at for _, at in sorted((at + random.uniform(0, disorder), at) for at in moments)]


def iso(at):
    millis = round(at * 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(millis // 1000))}.{millis % 1000:03}Z"


def write_table(path, header, rows, disorder, random):
    """rows: (at, the other cells...); the time becomes the last column."""
    with open(HERE / path, "w", encoding="utf-8", newline="\n") as file:
        file.write(header + "\n")
        for _, (at, *cells) in sorted((row[0] + random.uniform(0, disorder), row) for row in rows):
            file.write(",".join(map(str, [*cells, iso(at)])) + "\n")


def access_log(random, lines=2000, start=1714557600, hours=5):
    pages = PAGES[:]
    with open(HERE / "hot_pages" / "access.log", "w", encoding="utf-8", newline="\n") as log:
        for n, at in enumerate(out_of_order(random, (start + random.uniform(0, hours * 3600) for _ in range(lines)), 45)):
            if n % 400 == 399:
                random.shuffle(pages)  # what is popular changes
            if n == 1234:
                log.write('192.0.2.77 - - [01/May/2024:13:0\n')  # a line that the server did not finish writing
            when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at))
            host = f"198.51.100.{random.randint(1, 60)}"
            if n % 500 == 250:
                log.write(f'{host} - - [{when}] "-" 408 - "-" "-"\n')  # a connection that never sent a request
                continue
            page = pages[min(int(random.expovariate(0.25)), len(pages) - 1)]
            status, size = (404, 153) if page == "/login" else (200, 200 + len(page) * 211)
            referer = "-" if random.random() < 0.6 else "https://weirs.example" + random.choice(PAGES[:8])
            user = "mary" if random.random() < 0.02 else "-"
            method = "HEAD" if random.random() < 0.03 else "GET"
            request, agent = f"{method} {page} HTTP/1.1", random.choice(AGENTS)
            log.write(f'{host} - {user} [{when}] "{request}" {status} {size} "{referer}" "{agent}"\n')


def behaviour(random, lines=3000, start=1714557600, hours=4):
    items = [random.randint(1000, 5000000) for _ in range(60)]
    with open(HERE / "hot_items" / "behaviour.csv", "w", encoding="utf-8", newline="\n") as file:
        for n, at in enumerate(out_of_order(random, (start + random.uniform(0, hours * 3600) for _ in range(lines)), 50)):
            item = items[min(int(random.expovariate(0.1)), len(items) - 1)]
            kind = random.choices(["pv", "cart", "fav", "buy"], [90, 6, 2, 2])[0]
            late = 2 * 3600 if n % 1000 == 999 else 0  # now and then a telephone was without a network for two hours
            file.write(f"{random.randint(1, 400)},{item},{item % 97},{kind},{int(at) - late}\n")


def logins(random, start=1714557600, users=40):
    attempts = []
    for user in range(users):
        at = start + random.uniform(0, 600)
        for _ in range(random.randint(5, 40)):
            at += random.choice([1, 2, 3, 5, 20, 90]) * random.uniform(0.5, 1.5)
            attempts.append((round(at, 3), f"user{user:02}", random.random() < 0.45))
    by_moment = {at: (user, success) for at, user, success in attempts}
    with open(HERE / "login_failures" / "logins.csv", "w", encoding="utf-8", newline="\n") as file:
        file.write("user,success,at\n")
        for at in out_of_order(random, by_moment, 4):
            user, success = by_moment[at]
            file.write(f"{user},{str(success).lower()},{iso(at)}\n")


def visits(random, n=1500, start=1714557600, hours=6):
    pages = [page for page in PAGES if "." not in page and "?" not in page]
    rows = []
    for _ in range(n):
        page = pages[min(int(random.expovariate(0.4)), len(pages) - 1)]
        visitor = f"v{min(int(random.expovariate(0.03)), 120):03}" if random.random() < 0.9 else ""  # some wish to be nobody
        rows.append((start + random.uniform(0, hours * 3600), page, visitor))
    rows.append((start + 3600, "/", "v000"))  # belongs to the second hour
    write_table("page_views/visits.csv", "page,visitor,at", rows, 45, random)


def readings(random, start=1714557600, sensors=12, seconds=60):
    rows = []
    for sensor in range(sensors):
        at, temperature, trend = start + random.uniform(0, 1), 18 + random.uniform(-3, 3), 0.1
        while at < start + seconds:
            trend = random.choice([0.1, 0.1, 0.2, -0.1, 0.0]) if random.random() < 0.3 else trend
            temperature += trend
            rows.append((at, f"sensor{sensor:02}", round(temperature, 1)))
            at += random.choice([0.1, 0.2, 0.5, 1.5]) * random.uniform(0.8, 1.2)
    write_table("temperature/readings.csv", "sensor,temperature,at", rows, 0.4, random)


def clicks(random, start=1714557600, users=25):
    pages, by_moment = [page.split("?")[0] for page in PAGES], {}
    for user in range(users):
        at = start + random.uniform(0, 7200)
        for _ in range(random.randint(3, 40)):
            at += random.choice([5, 20, 60, 300, 1500, 3000]) * random.uniform(0.5, 1.5)
            by_moment[round(at, 3)] = (f"user{user:02}", pages[min(int(random.expovariate(0.25)), len(pages) - 1)])
    with open(HERE / "click_sessions" / "clicks.csv", "w", encoding="utf-8", newline="\n") as file:
        file.write("user,page,at\n")
        for at in out_of_order(random, by_moment, 55):
            user, page = by_moment[at]
            file.write(f"{user},{page},{iso(at)}\n")


def levels(random, start=1714557600, lines=400):
    moments = {}  # of arrival: a sensor reports every minute or so, one in ten over a bad network
    for n in range(lines):
        at = start + n * 20 + random.uniform(0, 20)
        behind = random.choice([90, 400, 800, 1500]) * random.uniform(0.5, 1) if random.random() < 0.1 else 0
        moments[at + behind] = (f"s{n % 3}", 100 + int(30 * random.random()) + n // 20, at)
    with open(HERE / "late_data" / "readings.csv", "w", encoding="utf-8", newline="\n") as file:
        file.write("sensor,level,at\n")
        for arrival in sorted(moments):
            sensor, level, at = moments[arrival]
            file.write(f"{sensor},{level},{iso(at)}\n")


def payments(random, start=1714557600, accounts=50):
    rows = []
    for account in range(accounts):
        at = start + random.uniform(0, 600)
        for _ in range(random.randint(3, 40)):
            amount = random.choice([random.uniform(0.01, 0.99), 1, random.uniform(2, 499), 500, random.uniform(501, 3000)])
            rows.append((at, f"account{account:02}", f"{amount:.2f}"))
            at += random.choice([1, 10, 30, 60, 300]) * (random.uniform(0.5, 1.5) if random.random() < 0.7 else 1)
    rows = [(at, payment, *cells) for payment, (at, *cells) in enumerate(sorted(rows), 1)]
    write_table("fraud/payments.csv", "payment,account,amount,at", rows, 8, random)


def orders_and_payments(random, start=1714557600, n=400, hours=3):
    orders, payments = [], []
    for order in range(1, n + 1):
        at = start + random.uniform(0, hours * 3600)
        orders.append((at, f"order{order:03}", f"{random.uniform(5, 200):.2f}"))
        if random.random() < 0.9:
            payments.append((at + random.choice([-5, 30, 120, 600, 900]) * random.uniform(0.8, 1.2), f"order{order:03}"))
        if random.random() < 0.1:
            payments.append((at + random.uniform(0, 1800), f"order{order:03}"))  # not the only one, perhaps
    payments.append((start + 60, "order999"))  # nobody's
    payments = [(at, payment, order) for payment, (at, order) in enumerate(sorted(payments), 1)]
    write_table("order_timeout/orders.csv", "order,amount,at", orders, 50, random)
    write_table("order_timeout/payments.csv", "payment,order_id,at", payments, 50, random)


def reconcile(random, start=1714557600, orders=400):
    def write(name, head, moments):
        with open(HERE / "reconcile" / name, "w", encoding="utf-8", newline="\n") as file:
            file.write(head + "\n")
            for at in out_of_order(random, moments, 20):
                file.write(f"{moments[at][0]},{moments[at][1]},{iso(at)}\n")

    ordered, paid = {}, {}
    for n in range(orders):
        at, cents, number = round(start + random.uniform(0, 7200), 3), random.randint(100, 50000), f"o{n:04}"
        kind = random.random()
        if kind > 0.02:  # else a payment of an order that nobody knows
            ordered[at] = (number, cents)
        if kind < 0.9:  # the others do not pay
            wait = random.choice([random.uniform(-6, 0), random.expovariate(1 / 200), random.expovariate(1 / 500), 900, -5])
            paid[round(at + wait, 3)] = (number, cents if random.random() < 0.95 else cents - 50)
        if kind > 0.85:  # some of them got money back for something else
            paid[round(at + random.uniform(0, 600), 3)] = (number, -random.randint(1, 99))
    write("orders.csv", "order,cents,at", ordered)
    write("payments.csv", "order_id,cents,at", paid)


def events_and_rules(random, start=1714557600, users=30, hours=2):
    actions = ["login", "search", "buy", "return", "password", "logout"]
    events = [(start + random.uniform(0, hours * 3600), f"user{random.randrange(users):02}", random.choice(actions))
              for _ in range(1000)]
    events = [(at, event, *cells) for event, (at, *cells) in enumerate(sorted(events))]
    rules = []
    for rule in ("returns", "takeover", "window_shopping"):
        at = start + random.uniform(-600, 600)
        while at < start + hours * 3600:
            pair = random.sample(actions, 2) if random.random() < 0.8 else ["", ""]  # now and then a rule is taken back
            rules.append((at, rule, *pair))
            at += random.choice([60, 600, 1200])
    write_table("rules/events.csv", "event,user,action,at", events, 25, random)
    write_table("rules/rules.csv", "rule,first,second,at", rules, 25, random)


def orders(random, lines=600, start=1714557600, hours=3):
    cities, segments = ["Leeds", "York", "Hull"], ["private", "business", "club"]
    with open(HERE / "enrich" / "customers.csv", "w", encoding="utf-8", newline="\n") as file:
        for n in range(150):
            file.write(f"c{n:03},{random.choice(segments)},{random.choice(cities)}\n")
    with open(HERE / "enrich" / "orders.csv", "w", encoding="utf-8", newline="\n") as file:
        file.write("order,customer,cents,at\n")
        for n, at in enumerate(out_of_order(random, (start + random.uniform(0, hours * 3600) for _ in range(lines)), 4)):
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(at)))
            file.write(f"o{n:04},c{random.randrange(150):03},{random.randint(99, 25000)},{when}\n")


if __name__ == "__main__":
    access_log(random.Random(1))
    behaviour(random.Random(2))
    logins(random.Random(3))
    visits(random.Random(4))
    readings(random.Random(5))
    clicks(random.Random(4))
    levels(random.Random(5))
    payments(random.Random(6))
    orders_and_payments(random.Random(7))
    reconcile(random.Random(4))
    events_and_rules(random.Random(8))
    orders(random.Random(4))
