/* crew.h - a window operator at some parallelism, cut and restored at another: rows go to subtasks by key group. With state
 * on the heap, or in stores, which is read ahead as a chain would. */
#ifndef WEIR_TEST_CREW_H
#define WEIR_TEST_CREW_H

#include <stdlib.h>

#include "base/random.h"
#include "data/key.h"
#include "general_stage.h"
#include "harness/leveldb_store.h"
#include "harness/store_stage.h"
#include "window/window_internal.h"

#define MOST_SUBTASKS 4
#define KEY_GROUPS    128

enum way { WHOLE, SLICED, GENERAL }; /* how the operators keep windows */
enum place { ON_HEAP, IN_MEMORY, IN_LEVELDB };

struct crew {
    struct stage *g;
    struct weir_stream_node *node;
    struct weir_time_windows times; /* of the fast ways */
    enum way way;
    enum place place;   /* of the state of those that begin next */
    size_t cache_bytes; /* of a store */
    struct store_stage stores[MOST_SUBTASKS];
    struct leveldb_store leveldbs[MOST_SUBTASKS];
    struct weir_op *ops[MOST_SUBTASKS];
    struct weir_op_env envs[MOST_SUBTASKS];
    uint32_t n;
    struct weir_schema *ports[3];
    struct weir_text text; /* what came out since it was last looked at */
    bool failed;
};

static inline void crew_drain(struct crew *c, uint32_t i)
{
    weir_test_drain(&c->text, c->ops[i], c->ports);
}

static inline void crew_open_store(struct crew *c, uint32_t i)
{
    struct leveldb_store *l = &c->leveldbs[i];
    if (c->place == IN_MEMORY) {
        store_stage_begin(&c->stores[i], &c->envs[i], c->cache_bytes);
    } else if (c->place == IN_LEVELDB) {
        leveldb_store_begin(l, WEIR_TEST_FOLDER);
        store_stage_begin_in(&c->stores[i], &c->envs[i], c->cache_bytes, l->backend, l->self, l->directory);
    }
}
static inline void crew_close_store(struct crew *c, uint32_t i)
{
    if (c->envs[i].backend) store_stage_end(&c->stores[i]);
    if (c->leveldbs[i].self) leveldb_store_end(&c->leveldbs[i]);
}

/* From snapshots, or, with n_from 0, from the start. */
static inline void crew_begin(struct crew *c, uint32_t n, uint32_t batch_rows, const struct weir_snapshot *from,
                              uint32_t n_from)
{
    struct weir_error error = {0};
    c->n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct weir_op_env *env = &c->envs[i];
        *env = c->g->s.env;
        env->subtask = i;
        env->parallelism = n;
        env->max_parallelism = KEY_GROUPS;
        env->batch_rows = batch_rows;
        crew_open_store(c, i);
        struct weir_op *op = c->way == GENERAL ? weir_window_op_create(c->node, env, c->g->s.registry, "node 'w'", &error)
                                               : weir__window_op_create(c->node, &c->times, env, c->g->s.registry,
                                                                        "node 'w'", c->way == SLICED, &error);
        if (!op) fprintf(stderr, "%s\n", error.text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(op);
        if (n_from > 0 && op->class->restore(op, from, n_from) != WEIR_OK) {
            fprintf(stderr, "%s\n", op->error.text);
            c->failed = true;
        }
        CU_ASSERT_EQUAL(op->class->open(op), WEIR_OK);
        c->ops[i] = op;
        crew_drain(c, i);
    }
}

static inline void crew_end(struct crew *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        c->ops[i]->class->close(c->ops[i]);
        c->ops[i]->class->destroy(c->ops[i]);
        crew_close_store(c, i);
    }
    c->n = 0;
}

static inline void crew_take(struct crew *c, uint32_t i, weir_status s)
{
    crew_drain(c, i);
    store_stage_fired(&c->stores[i], c->ops[i], s);
    if (s >= 0) return;
    fprintf(stderr, "%s\n", c->ops[i]->error.text);
    c->failed = true;
}

static inline void crew_feed_one(struct crew *c, uint32_t i, const char *text)
{
    static const uint32_t key[] = {0};
    struct weir_pool *pool = c->g->s.env.pool;
    struct weir_rows *rows = c->node->n_key_fields ? weir_test_keyed_rows(pool, c->g->in, text, key, 1, KEY_GROUPS)
                                                   : weir_test_rows(pool, c->g->in, text);
    int64_t row = 0;
    weir_status s = WEIR_MORE;
    store_stage_prepare(&c->stores[i], c->ops[i], 0, rows);
    while (s == WEIR_MORE) {
        s = c->ops[i]->class->rows(c->ops[i], 0, rows, &row);
        crew_take(c, i, s);
    }
    weir_rows_release(rows);
}

/* Lines "time | key, ..."; the key is a string. */
static inline uint32_t crew_subtask(const struct crew *c, const char *line)
{
    const char *key = strstr(line, "| ") + 2;
    int32_t hash = weir_java_hash_string(key, (size_t)(strchr(key, ',') - key));
    return weir_key_group_subtask(weir_key_group_of(hash, KEY_GROUPS), c->n, KEY_GROUPS);
}

static inline void crew_feed(struct crew *c, const char *text)
{
    struct weir_text lines[MOST_SUBTASKS] = {0};
    for (const char *line = text, *end; *line; line = end) {
        end = strchr(line, '\n') + 1;
        weir_text_add(&lines[c->n == 1 ? 0 : crew_subtask(c, line)], "%.*s", (int)(end - line), line);
    }
    for (uint32_t i = 0; i < c->n; i++) {
        if (*weir_text_get(&lines[i])) crew_feed_one(c, i, weir_text_get(&lines[i]));
        weir_text_finish(&lines[i]);
    }
}

static inline void crew_watermark(struct crew *c, int64_t watermark)
{
    for (uint32_t i = 0; i < c->n; i++) {
        weir_status s = WEIR_MORE;
        c->ops[i]->watermark = watermark;
        if (!c->ops[i]->class->watermark) continue; /* windows without a timer */
        while (s == WEIR_MORE) {
            s = c->ops[i]->class->watermark(c->ops[i], watermark);
            crew_take(c, i, s);
        }
    }
}

/* The clock of the stage has moved. */
static inline void crew_clock(struct crew *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        weir_status s = c->ops[i]->next_due_ms <= c->g->s.now_ms ? WEIR_MORE : WEIR_OK;
        while (s == WEIR_MORE) {
            s = c->ops[i]->class->processing_time(c->ops[i], c->g->s.now_ms);
            crew_take(c, i, s);
        }
    }
}

/* A snapshot of each subtask. */
static inline void crew_cut(struct crew *c, struct weir_snapshot to[MOST_SUBTASKS])
{
    for (uint32_t i = 0; i < c->n; i++) {
        to[i] = (struct weir_snapshot){0};
        CU_ASSERT_EQUAL_FATAL(c->ops[i]->class->snapshot(c->ops[i], 1, &to[i]), WEIR_OK);
    }
}
static inline void crew_finish_cut(struct weir_snapshot cut[MOST_SUBTASKS], uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) weir_snapshot_finish(&cut[i]);
}

static inline bool same_bytes(const struct weir_key_bytes *a, const struct weir_key_bytes *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static inline void join_keyed(struct weir_key_bytes *all, const struct weir_snapshot *cut, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        bool added = cut[i].keyed.n == 0 || weir_key_bytes_add(all, cut[i].keyed.p, cut[i].keyed.n);
        CU_ASSERT(added);
    }
}

/* The same header and entries in the same order; and, at the same parallelism, the same lists. */
static inline bool same_cut(const struct weir_snapshot *a, uint32_t n, const struct weir_snapshot *b, uint32_t m)
{
    struct weir_key_bytes x = {0}, y = {0};
    join_keyed(&x, a, n);
    join_keyed(&y, b, m);
    bool same = same_bytes(&x, &y) && same_bytes(&a[0].header, &b[0].header);
    for (uint32_t i = 0; same && n == m && i < n; i++) {
        same = a[i].n_lists == b[i].n_lists;
        for (size_t l = 0; same && l < a[i].n_lists; l++)
            same = strcmp(a[i].lists[l].name, b[i].lists[l].name) == 0 && a[i].lists[l].deal == b[i].lists[l].deal &&
                   same_bytes(&a[i].lists[l].bytes, &b[i].lists[l].bytes);
    }
    weir_key_bytes_finish(&x);
    weir_key_bytes_finish(&y);
    return same;
}

/* Cut, and restored at parallelism n. The restored operators, cut again, give the same. */
static inline void crew_break(struct crew *c, uint32_t n, uint32_t batch_rows)
{
    struct weir_snapshot cut[MOST_SUBTASKS], again[MOST_SUBTASKS];
    uint32_t before = c->n;
    crew_cut(c, cut);
    crew_end(c);
    crew_begin(c, n, batch_rows, cut, before);
    crew_cut(c, again);
    bool same = same_cut(cut, before, again, n);
    CU_ASSERT(same);
    c->failed |= !same;
    crew_finish_cut(cut, before);
    crew_finish_cut(again, n);
}

/* ---- what came out ----------------------------------------------------------------------------------------------- */

struct line {
    const char *p;
    int n, key, n_key; /* key: offset of what lines are ordered by */
    size_t at;
};

static inline int by_key(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int port = (y->p[1] == '>') - (x->p[1] == '>');
    if (port) return port;
    int order = memcmp(x->p + x->key, y->p + y->key, (size_t)(x->n_key < y->n_key ? x->n_key : y->n_key));
    if (order || x->n_key != y->n_key) return order ? order : x->n_key - y->n_key;
    return x->at < y->at ? -1 : 1;
}

/* The lines of each port and key in the order in which they came, key by key. */
static inline char *ordered_by_key(const char *text, bool keyed)
{
    size_t n = 0;
    for (const char *p = text; *p; p++) n += *p == '\n';
    struct line *lines = weir_alloc_array(n + 1, sizeof *lines);
    struct weir_text out = {0};
    for (size_t i = 0; i < n; i++) {
        const char *end = strchr(text, '\n') + 1, *key = strstr(text, "| ");
        lines[i] = (struct line){.p = text, .n = (int)(end - text), .at = i};
        if (keyed && key && key < end) {
            lines[i].key = (int)(key - text);
            lines[i].n_key = (int)strcspn(key, ",\n");
        }
        text = end;
    }
    qsort(lines, n, sizeof *lines, by_key);
    for (size_t i = 0; i < n; i++) weir_text_add(&out, "%.*s", lines[i].n, lines[i].p);
    weir_free(lines);
    return weir_text_take(&out);
}

/* Both gave the same since the last time. */
static inline bool same_results(struct crew *a, struct crew *b)
{
    bool keyed = a->node->n_key_fields > 0;
    char *x = ordered_by_key(weir_text_get(&a->text), keyed), *y = ordered_by_key(weir_text_get(&b->text), keyed);
    bool same = strcmp(x, y) == 0 && !a->failed && !b->failed;
    if (!same) fprintf(stderr, "\nwithout a cut:\n%.1500sfound:\n%.1500s", x, y);
    weir_free(x);
    weir_free(y);
    weir_text_finish(&a->text);
    weir_text_finish(&b->text);
    return same;
}

#endif
