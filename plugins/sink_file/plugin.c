/* sink_file - records to a file, or with a final '/' to a directory of parts; exactly once where the job takes checkpoints.
 *
 * Parts (part.h) are written under hidden names and renamed to commit them. Which there are:
 *
 *   path is a file                 that one                          committed at the end
 *   a directory                    part-SUBTASK.SUFFIX               committed at the end
 *   a directory, and checkpoints   [BUCKET/]part-SUBTASK-N.SUFFIX    rolled, and committed with the checkpoint after that
 *   a directory, and buckets       the same                          rolled, and committed at the end
 *
 * Saved at a barrier, as text: "open BYTES NAME" for each part in progress, whose bytes are in the file by then; "pending BYTES
 * NAME" for each that waits to be committed; "next N" with the number of the subtask's next part and, a line each, the folders
 * in which something was renamed or made since. Bytes and folders are synced on the coordinator's thread (persist).
 * A restored run cuts parts in progress to their saved length and goes on with them, commits those that are pending, and
 * removes every other hidden part of its subtasks' numbers (modulo the parallelism): those that a crash left.
 *
 * Invariants: (1) a part whose name a checkpoint may hold is never removed; (2) after a write that failed nothing more is
 * saved or committed by this instance, and after a sync that failed nothing is persisted: what got lost cannot be known;
 * (3) numbers are never used twice in a directory: a restored run begins at the greatest number saved by any subtask.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/udf.h>

#include "bucket.h"
#include "part.h"

#define BLOCK     ((size_t)256 * 1024) /* written at the latest when this much is gathered */
#define MOST_OPEN 64                   /* parts in progress; beyond them the one that rests longest is rolled */
#define HIDDEN    ".inprogress"

enum missing { MISSING_FAIL, MISSING_IGNORE };

struct strings { /* host memory */
    char **all;
    size_t n, capacity;
};

typedef struct file_sink {
    const char *path;
    weir_part format;
    int32_t bucket_field, bucket_time;
    const char *bucket;
    int64_t roll_size, roll_age, roll_idle;
    bool roll_on_checkpoint;
    int32_t missing;

    const weir_io *io;
    char *base; /* folder of the parts: empty, or with a final '/' */
    struct bucketer bucketer;
    struct part *open[MOST_OPEN];
    size_t n_open;
    struct part **pending; /* in the order of rolling */
    size_t n_pending, pending_capacity;
    struct strings known;   /* names of all parts that were restored, this subtask's or not */
    struct strings changed; /* folders in which something was renamed or made since the last snapshot, */
    struct strings told;    /* and before it, until the newest one is complete */
    int64_t told_at;        /* that one */
    struct part *whole;     /* not numbered: the part as an earlier life finished it; records that follow belong to it */
    int64_t next;           /* number of the next part */
    bool numbered;          /* part-SUBTASK-N */
    bool restored, started, opened, finished;
    bool broken; /* a write has failed, or, in a persister, a sync */
} file_sink;

static const weir_encoder *encoder_of(const file_sink *me)
{
    return me->format.vtable;
}

static bool is_directory(const file_sink *me)
{
    return me->path[0] && me->path[strlen(me->path) - 1] == '/';
}

static bool takes_checkpoints(weir_ctx *cx)
{
    return weir_about(cx)->flags & WEIR_JOB_CHECKPOINTS;
}

/* ---- lists of host memory ---------------------------------------------------------------------------------------- */

static weir_status no_memory(weir_ctx *cx)
{
    return weir_fail(cx, WEIR_E_MEMORY, "no memory for the names of parts");
}

static weir_status grow(weir_ctx *cx, void **items, size_t *capacity, size_t n)
{
    if (n < *capacity) return WEIR_OK;
    size_t more = *capacity ? 2 * *capacity : 16;
    void *grown = cx->host->resize(cx, *items, more * sizeof(void *));
    if (!grown) return no_memory(cx);
    *items = grown;
    *capacity = more;
    return WEIR_OK;
}

static bool strings_have(const struct strings *s, const char *p, size_t n)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strlen(s->all[i]) == n && memcmp(s->all[i], p, n) == 0) return true;
    }
    return false;
}

static weir_status strings_add(struct strings *s, weir_ctx *cx, const char *p, size_t n)
{
    if (strings_have(s, p, n)) return WEIR_OK;
    weir_status status = grow(cx, (void **)(void *)&s->all, &s->capacity, s->n);
    char *copy = status == WEIR_OK ? cx->host->alloc(cx, n + 1) : NULL;
    if (!copy) return status == WEIR_OK ? no_memory(cx) : status;
    memcpy(copy, p, n);
    copy[n] = 0;
    s->all[s->n++] = copy;
    return WEIR_OK;
}

static void strings_clear(struct strings *s, weir_ctx *cx)
{
    for (size_t i = 0; i < s->n; i++) cx->host->release(cx, s->all[i]);
    cx->host->release(cx, s->all);
    *s = (struct strings){0};
}

/* ---- what is in the folder --------------------------------------------------------------------------------------- */

/* SUBTASK of "part-SUBTASK...", and what follows it; NULL: another name. */
static const char *subtask_of(const char *name, unsigned long *subtask)
{
    char *end;
    if (strncmp(name, "part-", 5) != 0 || name[5] < '0' || name[5] > '9') return NULL;
    *subtask = strtoul(name + 5, &end, 10);
    return end;
}

struct search {
    file_sink *me;
    weir_ctx *cx;
    uint32_t depth; /* of folders below this one */
    weir_status status;
};
static weir_status look_into(struct search *, const char *folder);

static weir_status refuse_stale(struct search *s, const char *path)
{
    const weir_info *info = weir_about(s->cx);
    if (s->me->numbered)
        return weir_fail(s->cx, WEIR_E_CONFIG,
                         "'%s' is of an earlier run, whose records would stay among those of this one; remove the old parts "
                         "or write to another directory",
                         path);
    return weir_fail(
        s->cx, WEIR_E_CONFIG,
        "directory '%s' holds %s of an earlier run with more subtasks than the %u of this one, which would stay among "
        "the new parts; remove the old parts or write to another directory",
        s->me->path, strrchr(path, '/') + 1, info->parallelism);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A hidden part that nobody restored, of a number that this subtask looks after, was begun after the checkpoint that this
 * run goes on from. */
static weir_status sweep(struct search *s, const char *path, const char *hidden)
{
    file_sink *me = s->me;
    const char *below = path + strlen(me->base);
    unsigned long subtask;
    weir_io_error e = {0};
    char name[BUCKET_MAX + 300];
    const char *rest = subtask_of(hidden + 1, &subtask);
    if (!rest || *rest != '-' || !ends_with(hidden, HIDDEN)) return WEIR_OK;
    if (subtask % weir_about(s->cx)->parallelism != weir_about(s->cx)->subtask) return WEIR_OK;
    int n = snprintf(name, sizeof name, "%.*s%.*s", (int)(hidden - below), below, (int)(strlen(hidden + 1) - strlen(HIDDEN)),
                     hidden + 1);
    if (strings_have(&me->known, name, (size_t)n)) return WEIR_OK;
    return me->io->remove(s->cx, path, &e) == WEIR_OK ? WEIR_OK : io_failed(s->cx, &e);
}

static weir_status look_at(struct search *s, const char *path, const char *name)
{
    const weir_info *info = weir_about(s->cx);
    unsigned long subtask;
    if (name[0] == '.' && s->me->numbered) return sweep(s, path, name);
    const char *rest = subtask_of(name, &subtask);
    if (!rest || s->me->restored) return WEIR_OK;
    if (s->me->numbered) /* also the parts of a run without checkpoints */
        return subtask % info->parallelism == info->subtask ? refuse_stale(s, path) : WEIR_OK;
    return *rest == '.' && subtask >= info->parallelism ? refuse_stale(s, path) : WEIR_OK;
}

static weir_status see(void *to, const char *path, bool is_folder, int64_t size)
{
    struct search *s = to;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    (void)size;
    if (!is_folder)
        s->status = look_at(s, path, name);
    else if (s->depth > 0 && name[0] != '.')
        s->status = look_into(&(struct search){s->me, s->cx, s->depth - 1, WEIR_OK}, path);
    return s->status;
}

static weir_status look_into(struct search *s, const char *folder)
{
    weir_io_error e = {0};
    weir_status status = s->me->io->list(s->cx, folder, see, s, &e);
    return s->status == WEIR_OK && status != WEIR_OK ? io_failed(s->cx, &e) : status;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static const char *suffix_of(const weir_component *encoder)
{
    return strcmp(encoder->id, "json_lines") == 0 ? "jsonl" : encoder->id;
}

static weir_status add_pending(file_sink *me, weir_ctx *cx, struct part *p)
{
    weir_status s = grow(cx, (void **)(void *)&me->pending, &me->pending_capacity, me->n_pending);
    if (s == WEIR_OK) me->pending[me->n_pending++] = p;
    return s;
}

/* In progress -> pending. */
static weir_status roll(file_sink *me, weir_ctx *cx, size_t at)
{
    struct part *p = me->open[at];
    const weir_encoder *encoder = encoder_of(me);
    weir_status s = encoder->end ? encoder->end(me->format.self, cx, &p->bytes) : WEIR_OK;
    if (s == WEIR_OK) s = part_end(p, me->io, cx);
    if (s == WEIR_OK) s = add_pending(me, cx, p);
    if (s != WEIR_OK) return s;
    memmove(me->open + at, me->open + at + 1, (--me->n_open - at) * sizeof(struct part *));
    return WEIR_OK;
}

static weir_status roll_one(file_sink *me, weir_ctx *cx)
{
    size_t oldest = 0;
    for (size_t i = 1; i < me->n_open; i++) {
        if (me->open[i]->written_ms < me->open[oldest]->written_ms) oldest = i;
    }
    return roll(me, cx, oldest);
}

/* The name of a new part in a folder. NULL: no memory. */
static char *new_name(file_sink *me, weir_ctx *cx, const char *folder)
{
    const char *suffix = suffix_of(me->format.component), *slash = strrchr(me->path, '/');
    size_t room = strlen(folder) + strlen(me->path) + strlen(suffix) + 64;
    char *name = weir_scratch(cx, room);
    uint32_t subtask = weir_about(cx)->subtask;
    if (!name) return NULL;
    if (me->numbered)
        snprintf(name, room, "%spart-%u-%lld.%s", folder, subtask, (long long)me->next++, suffix);
    else if (is_directory(me))
        snprintf(name, room, "part-%u.%s", subtask, suffix);
    else
        snprintf(name, room, "%s", slash ? slash + 1 : me->path);
    return name;
}

/* A folder that is made new must be found again after a loss of power. */
static weir_status note_new_folder(file_sink *me, weir_ctx *cx, const struct part *p)
{
    weir_io_error e = {0};
    int64_t bytes;
    size_t n = p->folder ? p->folder - 1 : 0;
    for (; n > 0 && p->name[n - 1] != '/'; n--) {
    }
    if (p->folder == 0) return WEIR_OK;
    char *folder = weir_scratch(cx, strlen(p->target) + 1);
    if (!folder) return no_memory(cx);
    snprintf(folder, strlen(p->target) + 1, "%s%.*s", me->base, (int)p->folder, p->name);
    if (me->io->exists(cx, folder, &bytes, &e) != WEIR_OK) return io_failed(cx, &e);
    return bytes < 0 ? strings_add(&me->changed, cx, p->name, n) : WEIR_OK;
}

/* A new part in progress, the last of `open`. */
static weir_status begin_part(file_sink *me, weir_ctx *cx, const char *folder)
{
    const weir_encoder *encoder = encoder_of(me);
    weir_status s = WEIR_OK;
    size_t most = encoder->end ? 1 : MOST_OPEN; /* an encoder that has an end writes one stream at a time */
    while (s == WEIR_OK && me->n_open >= most) s = roll_one(me, cx);
    char *name = s == WEIR_OK ? new_name(me, cx, folder) : NULL;
    struct part *p = name ? part_create(cx, me->base, name, strlen(name)) : NULL;
    if (!p) return s == WEIR_OK ? no_memory(cx) : s;
    s = note_new_folder(me, cx, p);
    if (s == WEIR_OK) s = part_begin(p, me->io, cx);
    if (s != WEIR_OK) {
        part_destroy(p, cx);
        return s;
    }
    me->open[me->n_open++] = p;
    return encoder->begin ? encoder->begin(me->format.self, cx, &p->bytes) : WEIR_OK;
}

static weir_status lost(const file_sink *me, weir_ctx *cx, const struct part *p)
{
    if (me->missing == MISSING_IGNORE) {
        cx->host->log(cx, WEIR_WARN, "'%s' is not there any more: taken to be finished and moved away", p->target);
        return WEIR_OK;
    }
    return weir_fail(cx, WEIR_E_IO,
                     "'%s' and '%s' are gone, and a checkpoint says that the records in them are written; put one of them "
                     "back, or, where finished parts are moved away by others, write missing: ignore",
                     p->target, p->hidden);
}

static weir_status commit(file_sink *me, weir_ctx *cx, const struct part *p)
{
    enum part_found found;
    weir_status s = part_commit(p, me->io, cx, &found);
    if (s == WEIR_OK && found == PART_GONE) s = lost(me, cx, p);
    return s == WEIR_OK ? strings_add(&me->changed, cx, p->name, p->folder) : s;
}

/* Those saved for `checkpoint` or before, in order; the first failure is told once all were tried. */
static weir_status commit_until(file_sink *me, weir_ctx *cx, int64_t checkpoint)
{
    weir_status result = WEIR_OK;
    size_t kept = 0;
    for (size_t i = 0; i < me->n_pending; i++) {
        struct part *p = me->pending[i];
        bool due = checkpoint == INT64_MAX || (p->checkpoint > 0 && p->checkpoint <= checkpoint);
        weir_status s = due ? commit(me, cx, p) : WEIR_OK;
        if (due && s == WEIR_OK)
            part_destroy(p, cx);
        else
            me->pending[kept++] = p;
        if (result == WEIR_OK) result = s;
    }
    me->n_pending = kept;
    return result;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static weir_status check_options(const file_sink *me, weir_ctx *cx)
{
    uint32_t parallelism = weir_about(cx)->parallelism;
    if (!me->path[0]) return weir_fail(cx, WEIR_E_CONFIG, "path: it is empty");
    if (is_directory(me)) return WEIR_OK;
    if (bucketer_is_on(&me->bucketer))
        return weir_fail(cx, WEIR_E_CONFIG, "path '%s' is one file, and buckets are folders; end the path with '/'",
                         me->path);
    if (takes_checkpoints(cx) && encoder_of(me)->end)
        return weir_fail(cx, WEIR_E_CONFIG,
                         "path '%s' is one file, but a file of format %s cannot be gone on with after a crash; end the path "
                         "with '/' for a directory of parts",
                         me->path, me->format.component->id);
    if (parallelism == 1) return WEIR_OK;
    return weir_fail(
        cx, WEIR_E_CONFIG,
        "path '%s' is one file, but the sink has %u subtasks; set `parallelism: 1` on the sink, or end the path with '/' "
        "for a directory with a part per subtask",
        me->path, parallelism);
}

/* The path up to its last '/'. */
static weir_status make_base(file_sink *me, weir_ctx *cx)
{
    const char *slash = strrchr(me->path, '/');
    size_t n = slash ? (size_t)(slash - me->path) + 1 : 0;
    me->base = cx->host->alloc(cx, n + 1);
    if (!me->base) return no_memory(cx);
    memcpy(me->base, me->path, n);
    me->base[n] = 0;
    return WEIR_OK;
}

static weir_status make_base_folder(file_sink *me, weir_ctx *cx)
{
    weir_io_error e = {0};
    int64_t bytes;
    if (!me->base[0]) return WEIR_OK;
    if (me->io->exists(cx, me->base, &bytes, &e) != WEIR_OK) return io_failed(cx, &e);
    if (bytes >= 0) return WEIR_OK;
    if (me->io->make_directory(cx, me->base, &e) != WEIR_OK) return io_failed(cx, &e);
    return strings_add(&me->changed, cx, "../", 3);
}

static weir_status start(file_sink *, weir_ctx *);

static weir_status file_open(void *self, weir_ctx *cx)
{
    file_sink *me = self;
    const weir_encoder *encoder = encoder_of(me);
    me->io = weir_io_of(cx);
    if (!me->io) return weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
    weir_status s = bucketer_init(&me->bucketer, cx, me->bucket_field, me->bucket, me->bucket_time);
    if (s == WEIR_OK) s = check_options(me, cx);
    if (s == WEIR_OK) s = make_base(me, cx);
    if (s == WEIR_OK) s = make_base_folder(me, cx);
    me->numbered = is_directory(me) && (takes_checkpoints(cx) || bucketer_is_on(&me->bucketer));
    me->opened = s == WEIR_OK; /* its close is called also when its open fails */
    if (s == WEIR_OK && encoder->open) s = encoder->open(me->format.self, cx);
    return s == WEIR_OK && !(weir_about(cx)->flags & WEIR_JOB_RESTORED) ? start(me, cx) : s;
}

/* Once, when everything is restored: leftovers go, and the one part of a run that is not numbered begins. */
static weir_status start(file_sink *me, weir_ctx *cx)
{
    weir_status s = WEIR_OK;
    if (me->started) return WEIR_OK;
    me->started = true;
    struct search search = {.me = me, .cx = cx, .depth = me->numbered ? bucketer_depth(&me->bucketer) : 0};
    if (is_directory(me)) s = look_into(&search, me->path);
    strings_clear(&me->known, cx);
    return s == WEIR_OK && !me->numbered && !me->whole && me->n_open == 0 ? begin_part(me, cx, "") : s;
}

/* What an earlier life finished, since it was stopped, is gone on with: for the readers it goes away until the end. */
static weir_status reopen_whole(file_sink *me, weir_ctx *cx)
{
    weir_status s = part_reopen(me->whole, me->io, cx, me->whole->length);
    if (s != WEIR_OK) return s;
    me->open[me->n_open++] = me->whole;
    me->whole = NULL;
    return strings_add(&me->changed, cx, "", 0);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static weir_status part_for(file_sink *me, weir_ctx *cx, const char *folder, size_t *at)
{
    size_t n = strlen(folder);
    for (*at = 0; *at < me->n_open; ++*at) {
        const struct part *p = me->open[*at];
        if (p->folder == n && memcmp(p->name, folder, n) == 0) return WEIR_OK;
    }
    weir_status s = me->whole ? reopen_whole(me, cx) : begin_part(me, cx, folder);
    *at = me->n_open - 1;
    return s;
}

static bool is_full(const file_sink *me, const struct part *p)
{
    return me->numbered && p->length + (int64_t)p->bytes.length >= me->roll_size;
}

/* Rows *row .. until-1 of one folder, at most until the part is full: at the same row wherever the batches were cut. */
static weir_status encode(file_sink *me, weir_ctx *cx, const weir_batch *batch, int64_t *row, int64_t until, struct part *p)
{
    const weir_encoder *encoder = encoder_of(me);
    size_t before = p->bytes.length;
    weir_status s = WEIR_OK;
    if (!me->numbered || !encoder->end) { /* one with an end may count what it encodes */
        s = encoder->encode(me->format.self, cx, batch, *row, until, &p->bytes);
        if (s != WEIR_OK || !is_full(me, p)) {
            *row = until;
            return s;
        }
        p->bytes.length = before;
    }
    do {
        s = encoder->encode(me->format.self, cx, batch, *row, *row + 1, &p->bytes);
        ++*row;
    } while (s == WEIR_OK && *row < until && !is_full(me, p));
    return s;
}

static weir_status write_run(file_sink *me, weir_ctx *cx, const weir_batch *batch, int64_t *row, int64_t until,
                             const char *folder, int64_t now_ms)
{
    weir_status s = WEIR_OK;
    while (s == WEIR_OK && *row < until) {
        size_t at;
        s = part_for(me, cx, folder, &at);
        if (s == WEIR_OK) s = encode(me, cx, batch, row, until, me->open[at]);
        if (s != WEIR_OK) break;
        me->open[at]->written_ms = now_ms;
        if (is_full(me, me->open[at]))
            s = roll(me, cx, at);
        else if (me->open[at]->bytes.length >= BLOCK)
            s = part_write_out(me->open[at], me->io, cx);
    }
    return s;
}

static weir_status write_buckets(file_sink *me, weir_ctx *cx, const weir_batch *batch, int64_t *row, int64_t now_ms)
{
    char folders[2][BUCKET_MAX];
    int which = 0;
    weir_status s = bucket_of(&me->bucketer, cx, batch, *row, now_ms, folders[which]);
    while (s == WEIR_OK && *row < batch->length) {
        int64_t until = *row + 1;
        for (; until < batch->length; until++) {
            s = bucket_of(&me->bucketer, cx, batch, until, now_ms, folders[!which]);
            if (s != WEIR_OK || strcmp(folders[0], folders[1]) != 0) break;
        }
        if (s == WEIR_OK) s = write_run(me, cx, batch, row, until, folders[which], now_ms);
        which = !which;
    }
    return s;
}

static weir_status check_unbroken(const file_sink *me, weir_ctx *cx)
{
    if (!me->broken) return WEIR_OK;
    return weir_fail(cx, WEIR_E_IO, "path '%s': a write or sync has failed before, and what it lost cannot be known",
                     me->path);
}

static weir_status file_write(void *self, weir_ctx *cx, const weir_batch *batch, int64_t *row)
{
    file_sink *me = self;
    int64_t now_ms = me->io->wall_ms(cx);
    weir_status s = check_unbroken(me, cx);
    if (s == WEIR_OK) s = start(me, cx);
    if (s == WEIR_OK && bucketer_is_on(&me->bucketer))
        s = write_buckets(me, cx, batch, row, now_ms);
    else if (s == WEIR_OK)
        s = write_run(me, cx, batch, row, batch->length, "", now_ms);
    me->broken |= s != WEIR_OK;
    return s;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static weir_status sync_folder(const file_sink *me, weir_ctx *cx, const char *folder, size_t n)
{
    weir_io_error e = {0};
    size_t base = strlen(me->base);
    char *path = weir_scratch(cx, base + n + 2);
    if (!path) return no_memory(cx);
    snprintf(path, base + n + 2, "%s%.*s", me->base, (int)n, folder);
    return me->io->sync_directory(cx, path[0] ? path : ".", &e) == WEIR_OK ? WEIR_OK : io_failed(cx, &e);
}

static weir_status file_finish(void *self, weir_ctx *cx)
{
    file_sink *me = self;
    weir_status s = check_unbroken(me, cx);
    if (s == WEIR_OK) s = start(me, cx);
    while (s == WEIR_OK && me->n_open > 0) s = roll(me, cx, 0);
    me->finished = true;
    if (s == WEIR_OK && !takes_checkpoints(cx)) s = commit_until(me, cx, INT64_MAX);
    me->broken |= s != WEIR_OK;
    return s;
}

static void file_close(void *self, weir_ctx *cx)
{
    file_sink *me = self;
    for (size_t i = 0; i < me->n_open + me->n_pending; i++) {
        struct part *p = i < me->n_open ? me->open[i] : me->pending[i - me->n_open];
        part_leave(p, me->io, cx);
        part_destroy(p, cx);
    }
    if (me->opened && encoder_of(me)->close) encoder_of(me)->close(me->format.self, cx);
    strings_clear(&me->known, cx);
    strings_clear(&me->changed, cx);
    strings_clear(&me->told, cx);
    part_destroy(me->whole, cx);
    me->whole = NULL;
    cx->host->release(cx, me->pending);
    cx->host->release(cx, me->base);
    me->base = NULL;
    me->pending = NULL;
    me->n_open = me->n_pending = me->pending_capacity = 0;
    me->opened = me->started = false;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

/* A part that is rolled is seen with the next checkpoint, so its age needs looking at only when one is cut. */
static bool is_due(const file_sink *me, const struct part *p, int64_t now_ms)
{
    if (!me->numbered) return false;
    return me->roll_on_checkpoint || encoder_of(me)->end || now_ms - p->began_ms >= me->roll_age ||
           now_ms - p->written_ms >= me->roll_idle;
}

static weir_status roll_due(file_sink *me, weir_ctx *cx)
{
    int64_t now_ms = me->io->wall_ms(cx);
    weir_status s = WEIR_OK;
    for (size_t i = 0; s == WEIR_OK && i < me->n_open;) {
        if (is_due(me, me->open[i], now_ms))
            s = roll(me, cx, i);
        else
            i++;
    }
    return s;
}

static weir_status save_part(struct part *p, weir_ctx *cx, weir_add_transaction *add, void *to)
{
    weir_str text;
    weir_status s = part_save(p, cx, &text);
    p->saved = true;
    return s == WEIR_OK ? add(to, text.p, text.n) : s;
}

static weir_status save_parts(file_sink *me, weir_ctx *cx, int64_t checkpoint, weir_add_transaction *add, void *to)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; s == WEIR_OK && i < me->n_pending; i++) {
        if (me->pending[i]->checkpoint == 0) me->pending[i]->checkpoint = checkpoint;
        s = save_part(me->pending[i], cx, add, to);
    }
    for (size_t i = 0; s == WEIR_OK && i < me->n_open; i++) s = save_part(me->open[i], cx, add, to);
    return s == WEIR_OK && me->whole ? save_part(me->whole, cx, add, to) : s;
}

static weir_status save_rest(file_sink *me, weir_ctx *cx, int64_t checkpoint, weir_add_transaction *add, void *to)
{
    weir_blob text = {0};
    char next[40];
    int n = snprintf(next, sizeof next, "next %lld", (long long)me->next);
    weir_status s = weir_blob_add(cx, &text, next, (size_t)n);
    for (size_t i = 0; s == WEIR_OK && i < me->changed.n; i++)
        s = strings_add(&me->told, cx, me->changed.all[i], strlen(me->changed.all[i]));
    if (s == WEIR_OK) strings_clear(&me->changed, cx);
    me->told_at = checkpoint;
    for (size_t i = 0; s == WEIR_OK && i < me->told.n; i++) {
        s = weir_blob_add(cx, &text, "\n", 1);
        if (s == WEIR_OK) s = weir_blob_add(cx, &text, me->told.all[i], strlen(me->told.all[i]));
    }
    if (s == WEIR_OK) s = add(to, text.data, text.length);
    cx->host->release(cx, text.data);
    return s;
}

static weir_status file_snapshot(void *self, weir_ctx *cx, int64_t checkpoint, weir_add_transaction *add, void *to)
{
    file_sink *me = self;
    weir_status s = check_unbroken(me, cx);
    if (s == WEIR_OK && !me->numbered && encoder_of(me)->end && !me->finished)
        return weir_fail(cx, WEIR_E_CONFIG,
                         "a file of format %s cannot be gone on with, so the job cannot be saved meanwhile",
                         me->format.component->id);
    if (s == WEIR_OK) s = start(me, cx);
    if (s == WEIR_OK) s = roll_due(me, cx);
    for (size_t i = 0; s == WEIR_OK && i < me->n_open; i++) s = part_write_out(me->open[i], me->io, cx);
    me->broken |= s != WEIR_OK;
    if (s == WEIR_OK) s = save_parts(me, cx, checkpoint, add, to);
    return s == WEIR_OK ? save_rest(me, cx, checkpoint, add, to) : s;
}

/* Once the input has ended no checkpoint follows that could sync what is renamed here, so it is done at once. */
static weir_status file_committed(void *self, weir_ctx *cx, int64_t checkpoint)
{
    file_sink *me = self;
    if (me->told_at <= checkpoint) strings_clear(&me->told, cx);
    weir_status s = commit_until(me, cx, checkpoint);
    for (size_t i = 0; s == WEIR_OK && me->finished && i < me->changed.n; i++)
        s = sync_folder(me, cx, me->changed.all[i], strlen(me->changed.all[i]));
    return s;
}

/* ---- restoring --------------------------------------------------------------------------------------------------- */

struct saved { /* one of the three; NUL-terminated scratch */
    enum { SAVED_OPEN, SAVED_PENDING, SAVED_NEXT } kind;
    int64_t number;   /* bytes, or the next part's */
    const char *rest; /* name, or the folders, each behind a '\n' */
};

static weir_status read_saved(weir_ctx *cx, const void *bytes, size_t n, struct saved *to)
{
    static const char *const words[] = {"open ", "pending ", "next "};
    char *text = weir_scratch(cx, n + 1), *end;
    if (!text) return no_memory(cx);
    memcpy(text, bytes, n);
    text[n] = 0;
    for (int kind = 0; kind < 3; kind++) {
        size_t length = strlen(words[kind]);
        if (strncmp(text, words[kind], length) != 0 || text[length] < '0' || text[length] > '9') continue;
        to->kind = kind;
        to->number = strtoll(text + length, &end, 10);
        to->rest = kind == SAVED_NEXT ? end : end + 1;
        if (kind == SAVED_NEXT ? *end == 0 || *end == '\n' : *end == ' ' && end[1]) return WEIR_OK;
    }
    return weir_fail(cx, WEIR_E_DATA, "saved state of a file sink begins with open, pending or next, not with '%.40s'",
                     text);
}

static bool has_open(const file_sink *me, const struct part *p)
{
    for (size_t i = 0; i < me->n_open; i++) {
        const struct part *other = me->open[i];
        if (other->folder == p->folder && memcmp(other->name, p->name, p->folder) == 0) return true;
    }
    return me->n_open == MOST_OPEN;
}

/* Takes the part. */
static weir_status go_on(file_sink *me, weir_ctx *cx, struct part *p)
{
    if (!has_open(me, p)) {
        me->open[me->n_open++] = p;
        return WEIR_OK;
    }
    weir_status s = part_end(p, me->io, cx); /* another subtask's, of a folder that this one writes to already */
    return s == WEIR_OK ? add_pending(me, cx, p) : s;
}

/* The hidden file is not there. A job that takes savepoints, but no checkpoints, finishes its parts when it is suspended. */
static weir_status resume_finished(file_sink *me, weir_ctx *cx, struct part *p, int64_t bytes)
{
    weir_io_error e = {0};
    int64_t there;
    if (me->io->exists(cx, p->target, &there, &e) != WEIR_OK) return io_failed(cx, &e);
    if (there == bytes || (there > bytes && !me->numbered)) {
        p->length = bytes;
        if (me->numbered)
            part_destroy(p, cx);
        else
            me->whole = p;
        return WEIR_OK;
    }
    return weir_fail(
        cx, WEIR_E_IO,
        "'%s' is gone: it was in progress at the checkpoint that the job goes on from, and was finished or removed "
        "since; go on from a newer one, or lose this sink's state on purpose",
        p->hidden);
}

/* Takes the part, unless it fails. */
static weir_status resume(file_sink *me, weir_ctx *cx, struct part *p, int64_t bytes)
{
    weir_io_error e = {0};
    int64_t there;
    if (me->io->exists(cx, p->hidden, &there, &e) != WEIR_OK) return io_failed(cx, &e);
    if (there < 0) return resume_finished(me, cx, p, bytes);
    weir_status s = part_resume(p, me->io, cx, bytes);
    return s == WEIR_OK ? go_on(me, cx, p) : s;
}

static weir_status restore_pending(file_sink *me, weir_ctx *cx, struct part *p, int64_t bytes)
{
    p->length = bytes;
    weir_status s = commit(me, cx, p);
    if (s == WEIR_OK && !me->numbered && !me->whole)
        me->whole = p;
    else
        part_destroy(p, cx);
    return s;
}

static weir_status file_restore(void *self, weir_ctx *cx, const weir_transaction *t)
{
    file_sink *me = self;
    struct saved saved;
    weir_status s = read_saved(cx, t->bytes, t->n, &saved);
    if (s != WEIR_OK) return s;
    me->restored = true;
    if (saved.kind == SAVED_NEXT) {
        if (saved.number > me->next) me->next = saved.number;
        return WEIR_OK;
    }
    s = strings_add(&me->known, cx, saved.rest, strlen(saved.rest));
    if (s != WEIR_OK || !t->own) return s;
    struct part *p = part_create(cx, me->base, saved.rest, strlen(saved.rest));
    if (!p) return no_memory(cx);
    p->saved = true;
    if (saved.kind == SAVED_PENDING) return restore_pending(me, cx, p, saved.number);
    s = resume(me, cx, p, saved.number);
    if (s != WEIR_OK) part_destroy(p, cx);
    return s;
}

/* ---- persisting: on an instance of its own, with nothing but the options ----------------------------------------- */

/* What is not there under its hidden name was committed meanwhile, and synced before that. */
static weir_status sync_part(const file_sink *me, weir_ctx *cx, const struct part *p)
{
    weir_io_error e = {0}, ignored;
    weir_file *file = NULL;
    int64_t bytes;
    weir_status s = me->io->open(cx, p->hidden, WEIR_FILE_READ, &file, &e);
    if (s != WEIR_OK) {
        if (me->io->exists(cx, p->hidden, &bytes, &ignored) == WEIR_OK && bytes < 0) return WEIR_OK;
        return io_failed(cx, &e);
    }
    s = me->io->sync(cx, file, &e);
    me->io->close(cx, file, &ignored);
    return s == WEIR_OK ? s : io_failed(cx, &e);
}

static weir_status add_folders(struct strings *to, weir_ctx *cx, const char *lines)
{
    weir_status s = WEIR_OK;
    while (s == WEIR_OK && *lines == '\n') {
        size_t n = strcspn(++lines, "\n");
        s = strings_add(to, cx, lines, n);
        lines += n;
    }
    return s;
}

static weir_status persist_one(file_sink *me, weir_ctx *cx, weir_str bytes, struct strings *folders)
{
    struct saved saved;
    weir_status s = read_saved(cx, bytes.p, bytes.n, &saved);
    if (s != WEIR_OK || saved.kind == SAVED_NEXT) return s == WEIR_OK ? add_folders(folders, cx, saved.rest) : s;
    struct part *p = part_create(cx, me->base, saved.rest, strlen(saved.rest));
    if (!p) return no_memory(cx);
    s = sync_part(me, cx, p);
    if (s == WEIR_OK) s = strings_add(folders, cx, p->name, p->folder);
    part_destroy(p, cx);
    return s;
}

static weir_status file_persist(void *self, weir_ctx *cx, const weir_str *transactions, size_t n)
{
    file_sink *me = self;
    struct strings folders = {0};
    weir_status s = check_unbroken(me, cx);
    if (s != WEIR_OK) return s;
    me->io = weir_io_of(cx);
    s = make_base(me, cx);
    for (size_t i = 0; s == WEIR_OK && i < n; i++) s = persist_one(me, cx, transactions[i], &folders);
    for (size_t i = 0; s == WEIR_OK && i < folders.n; i++) s = sync_folder(me, cx, folders.all[i], strlen(folders.all[i]));
    me->broken |= s != WEIR_OK;
    strings_clear(&folders, cx);
    cx->host->release(cx, me->base);
    me->base = NULL;
    return s;
}

/* No flush: nobody sees a part before it is committed, so what is buffered may as well wait for a full block. */
static const weir_sink file_vtable = {.struct_size = sizeof(weir_sink),
                                      .open = file_open,
                                      .write = file_write,
                                      .finish = file_finish,
                                      .snapshot = file_snapshot,
                                      .committed = file_committed,
                                      .close = file_close,
                                      .restore = file_restore,
                                      .persist = file_persist};
static const char *const missing_choices[] = {"fail", "ignore", NULL};
static const weir_option file_options[] = {
    WEIR_OPTION(file_sink, path, .flags = WEIR_PATH | WEIR_ONE_FILE,
                .doc = "a file (needs parallelism 1), or with a final / a directory of parts"),
    WEIR_OPTION(file_sink, format, .def = "csv", .accepts = WEIR_ENCODER, .doc = "how records are written"),
    WEIR_OPTION(file_sink, bucket, .flags = WEIR_OPTIONAL,
                .doc = "folders by time, in UTC, such as date=%Y-%m-%d/hour=%H; a directory"),
    WEIR_OPTION_OF(file_sink, bucket_time, WEIR_OPT_FIELD, .flags = WEIR_OPTIONAL,
                   .doc = "the timestamp that `bucket` is of; by default the clock's time of writing"),
    WEIR_OPTION_OF(file_sink, bucket_field, WEIR_OPT_FIELD, .flags = WEIR_OPTIONAL,
                   .doc = "a string field: a folder FIELD=VALUE for each value"),
    WEIR_OPTION_OF(file_sink, roll_size, WEIR_OPT_SIZE, .def = "128MiB", .min = "1",
                   .doc = "numbered parts: one of this size is followed by another"),
    WEIR_OPTION_OF(file_sink, roll_age, WEIR_OPT_DURATION, .def = "1min", .min = "0s",
                   .doc = "numbered parts: at a checkpoint, one begun this long ago is finished"),
    WEIR_OPTION_OF(file_sink, roll_idle, WEIR_OPT_DURATION, .def = "1min", .min = "0s",
                   .doc = "numbered parts: at a checkpoint, one last written to this long ago is finished"),
    WEIR_OPTION(file_sink, roll_on_checkpoint, .def = "false", .doc = "numbered parts: every checkpoint finishes them"),
    WEIR_OPTION(file_sink, missing, .def = "fail", .choices = missing_choices,
                .doc = "finished parts that were moved away before a restart: an error, or nothing to be done"),
};
WEIR_COMPONENT(file_sink, WEIR_SINK, file_vtable, .id = "file", .doc = "records to a file or a directory of parts",
               .in = "*", .flags = WEIR_TWO_PHASE, WEIR_OPTIONS(file_options));
WEIR_PLUGIN("weir.sink_file", "0.2.0", &file_sink_component);
