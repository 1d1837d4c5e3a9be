/* sink_file - records to a file, or with a final '/' to a directory of parts; exactly once where the job takes checkpoints.
 *
 * Parts (part.h) are written under hidden names and renamed to commit them. Which there are:
 *
 *   path is a file                 that one                          committed at the end
 *   a directory                    part-SUBTASK.SUFFIX               committed at the end
 *   a directory, and checkpoints   [BUCKET/]part-SUBTASK-N.SUFFIX    rolled, and committed with the checkpoint after that
 *   a directory, and buckets       the same                          rolled, and committed at the end
 *
 * Saved at a barrier, as text: "open BYTES NAME" for each part in progress, whose bytes are in the file by then; "pending
 * BYTES NAME" for each that waits to be committed, both with what their records look like in a second line (columns.c);
 * "next N" with the number of the subtask's next part and, a line each, the folders in which something was renamed or made
 * since. Bytes and folders are synced on the coordinator's thread (persist).
 * A restored run cuts parts in progress to their saved length and goes on with them, unless its records look otherwise:
 * then they end there, and one file that has no parts is refused. It commits those that are pending, and
 * removes every other hidden part of its subtasks' numbers (modulo the parallelism): those that a crash left.
 *
 * Invariants: (1) a part whose name a checkpoint may hold is never removed; (2) after a write that failed nothing more is
 * saved by this instance, and after a sync that failed nothing is persisted: what got lost cannot be known;
 * (3) numbers are never used twice in a directory: a restored run begins at the greatest number saved by any subtask.
 */
#include <stdio.h>
#include <weir/udf.h>

#include "sink.h"

#define BLOCK ((size_t)256 * 1024) /* written at the latest when this much is gathered */

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static const char *suffix_of(const weir_component *encoder)
{
    return strcmp(encoder->id, "json_lines") == 0 ? "jsonl" : encoder->id;
}

weir_status sink_add_pending(file_sink *me, weir_ctx *cx, struct part *p)
{
    weir_status s = sink_grow(cx, (void **)(void *)&me->pending, &me->pending_capacity, me->n_pending);
    if (s == WEIR_OK) me->pending[me->n_pending++] = p;
    return s;
}

/* In progress -> pending. */
weir_status sink_roll(file_sink *me, weir_ctx *cx, size_t at)
{
    struct part *p = me->open[at];
    const weir_encoder *encoder = encoder_of(me);
    weir_status s = encoder->end ? encoder->end(me->format.self, cx, &p->bytes) : WEIR_OK;
    if (s == WEIR_OK) s = part_end(p, me->io, cx);
    if (s == WEIR_OK) s = sink_add_pending(me, cx, p);
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
    return sink_roll(me, cx, oldest);
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
    if (!folder) return sink_no_memory(cx);
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
    if (!p) return s == WEIR_OK ? sink_no_memory(cx) : s;
    s = note_new_folder(me, cx, p);
    if (s == WEIR_OK) s = part_begin(p, me->io, cx);
    if (s != WEIR_OK) {
        part_destroy(p, cx);
        return s;
    }
    me->open[me->n_open++] = p;
    return encoder->begin ? encoder->begin(me->format.self, cx, &p->bytes) : WEIR_OK;
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
weir_status sink_make_base(file_sink *me, weir_ctx *cx)
{
    const char *slash = strrchr(me->path, '/');
    size_t n = slash ? (size_t)(slash - me->path) + 1 : 0;
    me->base = cx->host->alloc(cx, n + 1);
    if (!me->base) return sink_no_memory(cx);
    memcpy(me->base, me->path, n);
    me->base[n] = 0;
    return WEIR_OK;
}

/* What is there is replaced by a rename, at the end: a device would be gone, and what reads a pipe would get nothing. */
static weir_status check_target(const file_sink *me, weir_ctx *cx)
{
    weir_io_error e = {0};
    int64_t bytes;
    size_t n = strlen(me->path) + 3;
    char *inside = weir_scratch(cx, n);
    if (!inside) return sink_no_memory(cx);
    snprintf(inside, n, "%s/.", me->path); /* is there where it is a directory */
    weir_status s = me->io->exists(cx, me->path, &bytes, &e);
    if (s == WEIR_E_CONFIG)
        return weir_fail(cx, s,
                         "path %s; a file would take its place. The sink `discard` drops records, `print` writes to "
                         "standard output",
                         e.message);
    if (s == WEIR_OK) s = me->io->exists(cx, inside, &bytes, &e);
    if (s != WEIR_OK) return io_failed(cx, &e);
    if (bytes < 0) return WEIR_OK;
    return weir_fail(cx, WEIR_E_CONFIG, "path '%s' is a directory; end it with '/' for a directory of parts", me->path);
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

static weir_status file_open(void *self, weir_ctx *cx)
{
    file_sink *me = self;
    const weir_encoder *encoder = encoder_of(me);
    me->io = weir_io_of(cx);
    if (!me->io) return weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
    weir_status s = bucketer_init(&me->bucketer, cx, me->bucket_field, me->bucket, me->bucket_time);
    if (s == WEIR_OK) s = check_options(me, cx);
    if (s == WEIR_OK && !is_directory(me)) s = check_target(me, cx);
    if (s == WEIR_OK) s = sink_make_base(me, cx);
    if (s == WEIR_OK) s = make_base_folder(me, cx);
    if (s == WEIR_OK) s = sink_hold(me, cx);
    me->numbered = is_directory(me) && (takes_checkpoints(cx) || bucketer_is_on(&me->bucketer));
    if (s == WEIR_OK) s = sink_describe_columns(me, cx);
    me->opened = s == WEIR_OK; /* its close is called also when its open fails */
    if (s == WEIR_OK && encoder->open) s = encoder->open(me->format.self, cx);
    return s == WEIR_OK && !(weir_about(cx)->flags & WEIR_JOB_RESTORED) ? sink_start(me, cx) : s;
}

/* Once, when everything is restored: leftovers go, and the one part of a run that is not numbered begins. */
weir_status sink_start(file_sink *me, weir_ctx *cx)
{
    weir_status s = WEIR_OK;
    if (me->started) return WEIR_OK;
    me->started = true;
    if (is_directory(me)) s = sink_look_around(me, cx);
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
            s = sink_roll(me, cx, at);
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

weir_status sink_check_unbroken(const file_sink *me, weir_ctx *cx)
{
    if (!me->broken) return WEIR_OK;
    return weir_fail(cx, WEIR_E_IO, "path '%s': a write or sync has failed before, and what it lost cannot be known",
                     me->path);
}

static weir_status file_write(void *self, weir_ctx *cx, const weir_batch *batch, int64_t *row)
{
    file_sink *me = self;
    int64_t now_ms = me->io->wall_ms(cx);
    weir_status s = sink_check_unbroken(me, cx);
    if (s == WEIR_OK) s = sink_start(me, cx);
    if (s == WEIR_OK && bucketer_is_on(&me->bucketer))
        s = write_buckets(me, cx, batch, row, now_ms);
    else if (s == WEIR_OK)
        s = write_run(me, cx, batch, row, batch->length, "", now_ms);
    me->broken |= s != WEIR_OK;
    return s;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static weir_status file_finish(void *self, weir_ctx *cx)
{
    file_sink *me = self;
    weir_status s = sink_check_unbroken(me, cx);
    if (s == WEIR_OK) s = sink_start(me, cx);
    while (s == WEIR_OK && me->n_open > 0) s = sink_roll(me, cx, 0);
    me->finished = true;
    if (s == WEIR_OK && !takes_checkpoints(cx)) s = sink_commit_until(me, cx, INT64_MAX);
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
    sink_let_go(me, cx);
    strings_clear(&me->known, cx);
    strings_clear(&me->changed, cx);
    strings_clear(&me->told, cx);
    part_destroy(me->whole, cx);
    me->whole = NULL;
    cx->host->release(cx, me->pending);
    cx->host->release(cx, me->base);
    cx->host->release(cx, me->columns);
    me->base = me->columns = NULL;
    me->pending = NULL;
    me->n_open = me->n_pending = me->pending_capacity = 0;
    me->opened = me->started = false;
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
