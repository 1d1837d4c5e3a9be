/* The general window operator against a slow reference that keeps every element and recomputes: random streams, late and
 * out of order, random windows, triggers, evictors and lateness, cut into batches at random. The reference is written
 * from semantics A5, with one list of windows that is searched from end to end for everything. A case that differs prints
 * its seed. */
#include "base/random.h"
#include "general_stage.h"
#include "harness/cases.h"
#include "harness/lines.h"

#define NONE INT64_MIN
enum { TUMBLING, SLIDING, SESSION, SESSION_BY, N_ASSIGNERS };
enum { EVENT_TIME, COUNT, PURGING_COUNT, CONTINUOUS, PURGING_EVENT_TIME, N_TRIGGERS };
enum { NO_EVICTOR, LAST_N, LAST_SPAN, N_EVICTORS };

struct plan {
    int assigner, trigger, evictor;
    int64_t size, slide, lateness, n, interval, keep, span;
};

/* ---- the reference ----------------------------------------------------------------------------------------------- */

struct element {
    int64_t time, n;
};
struct pane {
    int key;
    int64_t start, end;
    struct element elements[256];
    int n_elements, counted;
    int64_t next, timers[16]; /* continuous: the next firing */
    int n_timers;
};
struct reference {
    struct plan plan;
    struct pane panes[512];
    int n_panes;
    int64_t watermark;
    struct weir_text *out;
};

static int64_t last_of(const struct pane *p)
{
    return p->end - 1;
}
static int64_t cleanup_of(const struct reference *r, const struct pane *p)
{
    return last_of(p) + r->plan.lateness;
}

static void set_timer(struct pane *p, int64_t at)
{
    for (int i = 0; i < p->n_timers; i++) {
        if (p->timers[i] == at) return;
    }
    CU_ASSERT_FATAL(p->n_timers < 16);
    p->timers[p->n_timers++] = at;
}

static void forget_element(struct pane *p, int i)
{
    memmove(&p->elements[i], &p->elements[i + 1], (size_t)(p->n_elements - i - 1) * sizeof p->elements[0]);
    p->n_elements--;
}

static void evict(const struct reference *r, struct pane *p)
{
    int64_t newest = INT64_MIN;
    if (r->plan.evictor == LAST_N) {
        while (p->n_elements > r->plan.keep) forget_element(p, 0);
    } else if (r->plan.evictor == LAST_SPAN) {
        for (int i = 0; i < p->n_elements; i++) newest = p->elements[i].time > newest ? p->elements[i].time : newest;
        for (int i = p->n_elements - 1; i >= 0; i--) {
            if (p->elements[i].time <= newest - r->plan.span) forget_element(p, i);
        }
    }
}

static void fire(struct reference *r, struct pane *p)
{
    int64_t total = 0;
    if (p->n_elements > 0) {
        evict(r, p);
        for (int i = 0; i < p->n_elements; i++) total += p->elements[i].n;
        weir_text_add(r->out, "%lld | k%d, %d, %lld\n", (long long)last_of(p), p->key, p->n_elements, (long long)total);
    }
    if (r->plan.trigger == PURGING_COUNT || r->plan.trigger == PURGING_EVENT_TIME) p->n_elements = 0;
}

static int64_t capped(const struct pane *p, int64_t at)
{
    return at < last_of(p) ? at : last_of(p);
}

static void trigger_on_element(struct reference *r, struct pane *p, int64_t time)
{
    bool counts = r->plan.trigger == COUNT || r->plan.trigger == PURGING_COUNT;
    if (counts) {
        if (++p->counted < r->plan.n) return;
        p->counted = 0;
        fire(r, p);
        return;
    }
    if (last_of(p) <= r->watermark) {
        fire(r, p);
        return;
    }
    set_timer(p, last_of(p));
    if (r->plan.trigger != CONTINUOUS || p->next != NONE) return;
    p->next = capped(p, time - time % r->plan.interval + r->plan.interval);
    set_timer(p, p->next);
}

static void trigger_on_timer(struct reference *r, struct pane *p, int64_t at)
{
    bool counts = r->plan.trigger == COUNT || r->plan.trigger == PURGING_COUNT;
    if (counts) return;
    if (at == last_of(p)) {
        fire(r, p);
    } else if (r->plan.trigger == CONTINUOUS && at == p->next) {
        p->next = capped(p, at + r->plan.interval);
        set_timer(p, p->next);
        fire(r, p);
    }
}

static void remove_pane(struct reference *r, int i)
{
    memmove(&r->panes[i], &r->panes[i + 1], (size_t)(r->n_panes - i - 1) * sizeof r->panes[0]);
    r->n_panes--;
}

static struct pane *add_pane(struct reference *r, int key, int64_t start, int64_t end)
{
    CU_ASSERT_FATAL(r->n_panes < 512);
    struct pane *p = &r->panes[r->n_panes++];
    *p = (struct pane){.key = key, .start = start, .end = end, .next = NONE};
    return p;
}

/* The first pane of the key, by start, that overlaps or touches; -1: none. */
static int touching(const struct reference *r, int key, int64_t start, int64_t end)
{
    int found = -1;
    for (int i = 0; i < r->n_panes; i++) {
        const struct pane *p = &r->panes[i];
        if (p->key != key || p->start > end || p->end < start) continue;
        if (found < 0 || p->start < r->panes[found].start) found = i;
    }
    return found;
}

static bool holds_all(const struct pane *p, int64_t start, int64_t end)
{
    return p->start <= start && p->end >= end;
}

static struct pane *merged_pane(struct reference *r, int key, int64_t start, int64_t end)
{
    int i = touching(r, key, start, end);
    if (i < 0) return end - 1 + r->plan.lateness <= r->watermark ? NULL : add_pane(r, key, start, end);
    if (holds_all(&r->panes[i], start, end)) return &r->panes[i];
    struct pane whole = {.key = key, .start = start, .end = end, .next = NONE};
    for (; i >= 0; i = touching(r, key, start, end)) {
        struct pane *p = &r->panes[i];
        if (p->start < whole.start) whole.start = p->start;
        if (p->end > whole.end) whole.end = p->end;
        for (int e = 0; e < p->n_elements; e++) whole.elements[whole.n_elements++] = p->elements[e];
        whole.counted += p->counted;
        if (p->next != NONE && (whole.next == NONE || p->next < whole.next)) whole.next = p->next;
        remove_pane(r, i);
    }
    struct pane *p = add_pane(r, key, 0, 0);
    *p = whole;
    if (p->next != NONE) set_timer(p, p->next);
    if (r->plan.trigger != COUNT && r->plan.trigger != PURGING_COUNT && last_of(p) > r->watermark) set_timer(p, last_of(p));
    return p;
}

static struct pane *plain_pane(struct reference *r, int key, int64_t start, int64_t end)
{
    if (end - 1 + r->plan.lateness <= r->watermark) return NULL;
    for (int i = 0; i < r->n_panes; i++) {
        if (r->panes[i].key == key && r->panes[i].start == start) return &r->panes[i];
    }
    return add_pane(r, key, start, end);
}

static bool reference_add(struct reference *r, int key, int64_t time, int64_t n, int64_t start, int64_t end)
{
    bool merges = r->plan.assigner == SESSION || r->plan.assigner == SESSION_BY;
    struct pane *p = merges ? merged_pane(r, key, start, end) : plain_pane(r, key, start, end);
    if (!p) return false;
    CU_ASSERT_FATAL(p->n_elements < 256);
    p->elements[p->n_elements++] = (struct element){time, n};
    trigger_on_element(r, p, time);
    set_timer(p, cleanup_of(r, p));
    return true;
}

static void reference_element(struct reference *r, int key, int64_t time, int64_t n)
{
    const struct plan *plan = &r->plan;
    bool accepted = false;
    if (plan->assigner == SESSION) accepted = reference_add(r, key, time, n, time, time + plan->size);
    if (plan->assigner == SESSION_BY) accepted = reference_add(r, key, time, n, time, time + n);
    if (plan->assigner == TUMBLING || plan->assigner == SLIDING) {
        int64_t slide = plan->assigner == TUMBLING ? plan->size : plan->slide;
        for (int64_t start = time / slide * slide; start > time - plan->size; start -= slide)
            accepted |= reference_add(r, key, time, n, start, start + plan->size);
    }
    if (!accepted && time + plan->lateness <= r->watermark)
        weir_text_add(r->out, "1> %lld | k%d, %lld\n", (long long)time, key, (long long)n);
}

static void reference_watermark(struct reference *r, int64_t watermark)
{
    r->watermark = watermark;
    for (;;) {
        struct pane *first = NULL;
        int timer = 0;
        for (int i = 0; i < r->n_panes; i++) {
            for (int t = 0; t < r->panes[i].n_timers; t++) {
                int64_t at = r->panes[i].timers[t];
                if (at > watermark || (first && at >= first->timers[timer])) continue;
                first = &r->panes[i];
                timer = t;
            }
        }
        if (!first) return;
        int64_t at = first->timers[timer];
        first->timers[timer] = first->timers[--first->n_timers];
        trigger_on_timer(r, first, at);
        if (at == cleanup_of(r, first)) remove_pane(r, (int)(first - r->panes));
    }
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static int64_t between(struct weir_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)weir_random_below(r, (uint64_t)(high - low + 1));
}

static struct plan make_plan(struct weir_random *r)
{
    return (struct plan){.assigner = (int)between(r, 0, N_ASSIGNERS - 1),
                         .trigger = (int)between(r, 0, N_TRIGGERS - 1),
                         .evictor = between(r, 0, 2) ? NO_EVICTOR : (int)between(r, 0, N_EVICTORS - 1),
                         .size = between(r, 1, 20),
                         .slide = between(r, 4, 25),
                         .lateness = between(r, 0, 1) ? 0 : between(r, 0, 30),
                         .n = between(r, 1, 4),
                         .interval = between(r, 1, 9),
                         .keep = between(r, 1, 4),
                         .span = between(r, 1, 10)};
}

static void apply(struct stage *g, const struct plan *plan)
{
    static const char *const names[] = {"tumbling", "sliding", "session", "session_by"};
    char text[32];
    struct weir_part_spec *assigner = weir_op_stage_part(&g->s, WEIR_WINDOW_ASSIGNER, names[plan->assigner]), *trigger;
    snprintf(text, sizeof text, "%dms", (int)plan->size);
    if (plan->assigner == SESSION_BY)
        set_field(assigner, "field", 1);
    else
        weir_op_stage_option(assigner, plan->assigner == SESSION ? "gap" : "size", text);
    snprintf(text, sizeof text, "%dms", (int)plan->slide);
    if (plan->assigner == SLIDING) weir_op_stage_option(assigner, "slide", text);
    if (plan->trigger == COUNT || plan->trigger == PURGING_COUNT) {
        snprintf(text, sizeof text, "%d", (int)plan->n);
        trigger = TRIGGER(g, "count", "n", text);
    } else if (plan->trigger == CONTINUOUS) {
        snprintf(text, sizeof text, "%dms", (int)plan->interval);
        trigger = TRIGGER(g, "continuous", "interval", text);
    } else {
        trigger = TRIGGER(g, "event_time", NULL, NULL);
    }
    if (plan->trigger == PURGING_COUNT || plan->trigger == PURGING_EVENT_TIME) trigger = around(g, "purging", trigger);
    snprintf(text, sizeof text, plan->evictor == LAST_N ? "%d" : "%dms",
             (int)(plan->evictor == LAST_N ? plan->keep : plan->span));
    if (plan->evictor == LAST_N) g->node->window.evictor = EVICTOR(g, "count", "n", text);
    if (plan->evictor == LAST_SPAN) g->node->window.evictor = EVICTOR(g, "time", "span", text);
    g->node->window.lateness_ms = plan->lateness;
    late_output(g);
    start(g, assigner, trigger);
}

/* One batch of rows, or one watermark; what both gave is the same. */
static bool step(struct stage *g, struct reference *r, struct weir_random *random, int64_t *time)
{
    struct weir_text rows = {0}, expected = {0};
    r->out = &expected;
    if (between(random, 0, 2)) {
        for (int64_t i = between(random, 1, 6); i > 0; i--) {
            int key = (int)between(random, 0, 2);
            int64_t at = *time + between(random, -25, 10), n = between(random, 1, 15);
            if (at < 0) at = 0;
            weir_text_add(&rows, "%lld | k%d, %lld\n", (long long)at, key, (long long)n);
            reference_element(r, key, at, n);
        }
        feed(g, weir_text_get(&rows));
    } else {
        *time += between(random, 1, 12);
        reference_watermark(r, *time);
        watermark(g, *time);
    }
    char *want = weir_sorted_lines(weir_text_get(&expected)), *got = weir_sorted_lines(weir_text_get(&g->text));
    bool same = strcmp(want, got) == 0;
    if (!same) fprintf(stderr, "\nrows:\n%sexpected:\n%sfound:\n%s", weir_text_get(&rows), want, got);
    weir_free(want);
    weir_free(got);
    weir_text_finish(&rows);
    weir_text_finish(&expected);
    weir_text_finish(&g->text);
    return same;
}

static bool run_case(uint64_t seed, struct reference *r)
{
    struct weir_random random = {seed};
    struct stage g;
    int64_t time = 0;
    bool same = true;
    *r = (struct reference){.plan = make_plan(&random), .watermark = INT64_MIN};
    prepare(&g, false);
    g.s.env.batch_rows = (uint32_t)(between(&random, 0, 1) ? 1024 : between(&random, 1, 3));
    apply(&g, &r->plan);
    for (int i = 0; same && i < 60; i++) same = step(&g, r, &random, &time);
    time = 100000;
    if (same) {
        struct weir_text rest = {0};
        r->out = &rest;
        reference_watermark(r, time);
        watermark(&g, time);
        char *want = weir_sorted_lines(weir_text_get(&rest)), *got = weir_sorted_lines(weir_text_get(&g.text));
        same = strcmp(want, got) == 0;
        weir_free(want);
        weir_free(got);
        weir_text_finish(&rest);
    }
    if (!same)
        fprintf(stderr, "seed %llu: assigner %d, trigger %d, evictor %d, size %lld, slide %lld, lateness %lld\n",
                (unsigned long long)seed, r->plan.assigner, r->plan.trigger, r->plan.evictor, (long long)r->plan.size,
                (long long)r->plan.slide, (long long)r->plan.lateness);
    tear_down(&g);
    return same;
}

static void random_streams_give_what_the_reference_gives(void)
{
    struct reference *r = weir_alloc(sizeof *r);
    struct weir_cases cases = weir_cases(200);
    for (uint64_t seed = cases.first; seed < cases.end; seed++) {
        bool same = run_case(seed, r);
        CU_ASSERT_TRUE(same);
        if (!same) break;
    }
    weir_free(r);
}

WEIR_SUITE(general_random) = {{"random streams give what the reference gives", random_streams_give_what_the_reference_gives},
                              {NULL, NULL}};
