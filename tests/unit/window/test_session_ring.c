/* The ring of a key's sessions that are older than its newest (session_keys.c), against a list that is searched from end to
 * end: sessions that begin behind all others, before all, in between, become one, and go in order of time; on the heap, in a
 * store, and in LevelDB. */
#include "base/random.h"
#include "crew.h"

#define GAP  10
#define MOST 400

struct session {
    int64_t start, end, rows, total;
};
struct model { /* of the one key: in order of time */
    struct session sessions[MOST];
    int n;
    int64_t most; /* sessions at a time */
};

static int below(struct weir_random *r, int n)
{
    return (int)weir_random_below(r, (uint64_t)n);
}

static void model_add(struct model *m, int64_t at, int64_t value)
{
    struct session s = {at, at + GAP, 1, value};
    int kept = 0, place = 0;
    for (int i = 0; i < m->n; i++) {
        struct session *old = &m->sessions[i];
        if (old->end >= s.start && old->start <= s.end) {
            s.start = old->start < s.start ? old->start : s.start;
            s.end = old->end > s.end ? old->end : s.end;
            s.rows += old->rows;
            s.total += old->total;
        } else {
            m->sessions[kept++] = *old;
        }
    }
    while (place < kept && m->sessions[place].start < s.start) place++;
    memmove(&m->sessions[place + 1], &m->sessions[place], (size_t)(kept - place) * sizeof s);
    m->sessions[place] = s;
    m->n = kept + 1;
    if (m->n > m->most) m->most = m->n;
}

static void model_fire(struct model *m, int64_t mark, struct weir_text *to)
{
    int fired = 0;
    for (; fired < m->n && m->sessions[fired].end - 1 <= mark; fired++) {
        const struct session *s = &m->sessions[fired];
        weir_text_add(to, "%lld | ann, %lld, %lld\n", (long long)s->end - 1, (long long)s->rows, (long long)s->total);
    }
    m->n -= fired;
    memmove(m->sessions, m->sessions + fired, (size_t)m->n * sizeof *m->sessions);
}

struct run {
    struct crew crew;
    struct model model;
    struct weir_text expected;
    int64_t mark, value;
};

static void begin(struct run *run, struct stage *g, enum place place)
{
    prepare(g, false);
    g->node->window.assigner = ASSIGNER(g, "session", "gap", "10ms");
    g->node->window.trigger = TRIGGER(g, "event_time", NULL, NULL);
    *run = (struct run){.mark = -1};
    run->crew = (struct crew){.g = g, .node = g->node, .way = GENERAL, .ports = {g->out, g->in}, .place = place};
    run->crew.cache_bytes = 20000; /* little stays in memory */
    crew_begin(&run->crew, 1, 1024, NULL, 0);
    CU_ASSERT_STRING_EQUAL(run->crew.ops[0]->class->name, "window");
}

static void end(struct run *run, struct stage *g)
{
    crew_end(&run->crew);
    weir_text_finish(&run->crew.text);
    weir_text_finish(&run->expected);
    weir_op_stage_finish(&g->s);
    weir_schema_release(g->in);
    weir_schema_release(g->out);
}

static void add(struct run *run, int64_t at)
{
    char line[64];
    snprintf(line, sizeof line, "%lld | ann, %lld\n", (long long)at, (long long)++run->value);
    model_add(&run->model, at, run->value);
    crew_feed(&run->crew, line);
}

static bool advance(struct run *run, int64_t mark)
{
    run->mark = mark;
    crew_watermark(&run->crew, mark);
    model_fire(&run->model, mark, &run->expected);
    const char *found = weir_text_get(&run->crew.text), *expected = weir_text_get(&run->expected);
    bool same = strcmp(found, expected) == 0 && !run->crew.failed;
    if (!same) fprintf(stderr, "\nexpected:\n%.1500sfound:\n%.1500s", expected, found);
    weir_text_finish(&run->crew.text);
    weir_text_finish(&run->expected);
    return same;
}

/* The ring begins in the middle of its room, goes on at its start, and has to grow: what had wrapped goes on behind. */
static void a_ring_that_has_wrapped_grows_in_order_of_time(void)
{
    for (enum place place = ON_HEAP; place <= IN_LEVELDB; place++) {
        for (int gone = 0; gone <= 8; gone++) {
            struct stage g;
            struct run run;
            begin(&run, &g, place);
            for (int i = 0; i < 8; i++) add(&run, i * 100);
            CU_ASSERT(advance(&run, gone * 100 - 1)); /* as many have gone from the front */
            for (int i = 8; i < 30; i++) add(&run, i * 100);
            for (int i = 10; i < 30; i++) CU_ASSERT(advance(&run, i * 100 - 1)); /* one by one */
            CU_ASSERT(advance(&run, INT64_MAX));
            CU_ASSERT_EQUAL(run.model.n, 0);
            CU_ASSERT_FALSE(run.crew.ops[0]->class->waits(run.crew.ops[0]));
            end(&run, &g);
        }
    }
}

/* A session before all others, which wait behind it, rings in its own time, and those behind it in theirs. */
static void a_session_that_comes_before_all_others_of_its_key_rings_first(void)
{
    for (enum place place = ON_HEAP; place <= IN_LEVELDB; place++) {
        struct stage g;
        struct run run;
        begin(&run, &g, place);
        for (int i = 12; i > 0; i--) add(&run, i * 100);
        for (int i = 12; i > 0; i--) add(&run, i * 100 + 3); /* each to its own */
        for (int i = 1; i <= 12; i++) CU_ASSERT(advance(&run, i * 100 + 12));
        CU_ASSERT_EQUAL(run.model.n, 0);
        end(&run, &g);
    }
}

/* A row that closes the gap between two leaves one less, wherever in the ring they are; so do rows that close them all. */
static void sessions_become_one_wherever_in_the_ring_they_are(void)
{
    for (enum place place = ON_HEAP; place <= IN_LEVELDB; place++) {
        for (int at = 0; at < 9; at++) {
            struct stage g;
            struct run run;
            begin(&run, &g, place);
            for (int i = -3; i < 10; i++) add(&run, i * 18 + 100);
            CU_ASSERT(advance(&run, 80)); /* the first three have gone: the ring has wrapped */
            add(&run, at * 18 + 109);
            if (at % 3 == 0) CU_ASSERT(advance(&run, 100 + at * 9));
            for (int i = 0; i < 9 && at % 3 == 2; i++) add(&run, i * 18 + 108);
            CU_ASSERT(advance(&run, INT64_MAX));
            end(&run, &g);
        }
    }
}

/* Before an older session and behind it: exactly the gap is one session, and a millisecond more is two. */
static void TRAP_windows_that_touch_merge_wherever_in_the_ring(void)
{
    for (enum place place = ON_HEAP; place <= IN_LEVELDB; place++) {
        for (int at = 0; at < 6; at++) {
            for (int apart = 0; apart < 2; apart++) {
                struct stage g;
                struct run run;
                begin(&run, &g, place);
                for (int i = 0; i < 6; i++) add(&run, 100 + i * 100);
                add(&run, 100 + at * 100 + GAP + apart);
                add(&run, 100 + at * 100 - GAP - apart);
                CU_ASSERT_EQUAL(run.model.n, 6 + 2 * apart);
                CU_ASSERT(advance(&run, INT64_MAX));
                end(&run, &g);
            }
        }
    }
}

/* Random histories of one key, cut and restored in another place. */
static void rings_agree_with_a_list(void)
{
    int64_t most = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct weir_random r = {seed};
        struct stage g;
        struct run run;
        bool same = true;
        int span = 1 + below(&r, 900);
        begin(&run, &g, (enum place)(seed % 3));
        for (int i = 0; same && i < 150; i++) {
            for (int rows = below(&r, 6); rows > 0; rows--) add(&run, run.mark + 1 + below(&r, span));
            if (below(&r, 4) == 0) same = advance(&run, run.mark + below(&r, 1 + span / 4));
            if (below(&r, 30) > 0) continue;
            run.crew.place = (unsigned)below(&r, 3);
            crew_break(&run.crew, 1, 1024);
            crew_watermark(&run.crew, run.mark);
        }
        same = same && advance(&run, INT64_MAX);
        CU_ASSERT(same);
        if (!same) fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        if (run.model.most > most) most = run.model.most;
        end(&run, &g);
    }
    CU_ASSERT(most > 20);
}

WEIR_SUITE(session_ring) = {
    {"a ring that has wrapped grows in order of time", a_ring_that_has_wrapped_grows_in_order_of_time},
    {"a session that comes before all others of its key rings first",
     a_session_that_comes_before_all_others_of_its_key_rings_first},
    {"sessions become one wherever in the ring they are", sessions_become_one_wherever_in_the_ring_they_are},
    {"TRAP windows that touch merge, wherever in the ring", TRAP_windows_that_touch_merge_wherever_in_the_ring},
    {"rings agree with a list", rings_agree_with_a_list},
    {NULL, NULL},
};
