/* phases.c - the two phases: saving, persisting, committing, restoring. What is saved is described in plugin.c. */
#include <stdio.h>
#include <stdlib.h>

#include "sink.h"

/* ---- committing -------------------------------------------------------------------------------------------------- */

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
weir_status sink_commit_until(file_sink *me, weir_ctx *cx, int64_t checkpoint)
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

static weir_status sync_folder(const file_sink *me, weir_ctx *cx, const char *folder, size_t n)
{
    weir_io_error e = {0};
    size_t base = strlen(me->base);
    char *path = weir_scratch(cx, base + n + 2);
    if (!path) return sink_no_memory(cx);
    snprintf(path, base + n + 2, "%s%.*s", me->base, (int)n, folder);
    return me->io->sync_directory(cx, path[0] ? path : ".", &e) == WEIR_OK ? WEIR_OK : io_failed(cx, &e);
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
            s = sink_roll(me, cx, i);
        else
            i++;
    }
    return s;
}

static weir_status save_part(const file_sink *me, struct part *p, weir_ctx *cx, weir_add_transaction *add, void *to)
{
    weir_str text;
    weir_status s = part_save(p, cx, me->columns, &text);
    p->saved = true;
    return s == WEIR_OK ? add(to, text.p, text.n) : s;
}

static weir_status save_parts(file_sink *me, weir_ctx *cx, int64_t checkpoint, weir_add_transaction *add, void *to)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; s == WEIR_OK && i < me->n_pending; i++) {
        if (me->pending[i]->checkpoint == 0) me->pending[i]->checkpoint = checkpoint;
        s = save_part(me, me->pending[i], cx, add, to);
    }
    for (size_t i = 0; s == WEIR_OK && i < me->n_open; i++) s = save_part(me, me->open[i], cx, add, to);
    return s == WEIR_OK && me->whole ? save_part(me, me->whole, cx, add, to) : s;
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

weir_status file_snapshot(void *self, weir_ctx *cx, int64_t checkpoint, weir_add_transaction *add, void *to)
{
    file_sink *me = self;
    weir_status s = sink_check_unbroken(me, cx);
    if (s == WEIR_OK && !me->numbered && encoder_of(me)->end && !me->finished)
        return weir_fail(cx, WEIR_E_CONFIG,
                         "a file of format %s cannot be gone on with, so the job cannot be saved meanwhile",
                         me->format.component->id);
    if (s == WEIR_OK) s = sink_start(me, cx);
    if (s == WEIR_OK) s = roll_due(me, cx);
    for (size_t i = 0; s == WEIR_OK && i < me->n_open; i++) s = part_write_out(me->open[i], me->io, cx);
    me->broken |= s != WEIR_OK;
    if (s == WEIR_OK) s = save_parts(me, cx, checkpoint, add, to);
    return s == WEIR_OK ? save_rest(me, cx, checkpoint, add, to) : s;
}

/* Once the input has ended no checkpoint follows that could sync what is renamed here, so it is done at once. */
weir_status file_committed(void *self, weir_ctx *cx, int64_t checkpoint)
{
    file_sink *me = self;
    if (me->told_at <= checkpoint) strings_clear(&me->told, cx);
    weir_status s = sink_commit_until(me, cx, checkpoint);
    for (size_t i = 0; s == WEIR_OK && me->finished && i < me->changed.n; i++)
        s = sync_folder(me, cx, me->changed.all[i], strlen(me->changed.all[i]));
    return s;
}

/* ---- restoring --------------------------------------------------------------------------------------------------- */

struct saved { /* one of the three; NUL-terminated scratch */
    enum { SAVED_OPEN, SAVED_PENDING, SAVED_NEXT } kind;
    int64_t number;      /* bytes, or the next part's */
    const char *rest;    /* name, or the folders, each behind a '\n' */
    const char *columns; /* of a part; NULL: not known */
};

static void split_columns(struct saved *to, char *rest)
{
    char *end = strchr(rest, '\n');
    to->rest = rest;
    to->columns = end ? end + 1 : NULL;
    if (end) *end = 0;
}

static weir_status read_saved(weir_ctx *cx, const void *bytes, size_t n, struct saved *to)
{
    static const char *const words[] = {"open ", "pending ", "next "};
    char *text = weir_scratch(cx, n + 1), *end;
    if (!text) return sink_no_memory(cx);
    memcpy(text, bytes, n);
    text[n] = 0;
    for (int kind = 0; kind < 3; kind++) {
        size_t length = strlen(words[kind]);
        if (strncmp(text, words[kind], length) != 0 || text[length] < '0' || text[length] > '9') continue;
        to->kind = kind;
        to->number = strtoll(text + length, &end, 10);
        to->rest = end;
        to->columns = NULL;
        if (kind == SAVED_NEXT ? *end != 0 && *end != '\n' : *end != ' ' || end[1] == 0 || end[1] == '\n') continue;
        if (kind != SAVED_NEXT) split_columns(to, end + 1);
        return WEIR_OK;
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

static bool is_alike(const file_sink *me, const struct saved *saved)
{
    return !saved->columns || strcmp(saved->columns, me->columns) == 0;
}

/* Takes the part. Not gone on with are another subtask's, of a folder that this one writes to already, and those whose
 * records looked otherwise. */
static weir_status go_on(file_sink *me, weir_ctx *cx, struct part *p, const struct saved *saved)
{
    if (is_alike(me, saved) && !has_open(me, p)) {
        me->open[me->n_open++] = p;
        return WEIR_OK;
    }
    weir_status s = part_end(p, me->io, cx);
    return s == WEIR_OK ? sink_add_pending(me, cx, p) : s;
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
static weir_status resume(file_sink *me, weir_ctx *cx, struct part *p, const struct saved *saved)
{
    int64_t bytes = saved->number;
    weir_io_error e = {0};
    int64_t there;
    if (me->io->exists(cx, p->hidden, &there, &e) != WEIR_OK) return io_failed(cx, &e);
    if (there < 0) return resume_finished(me, cx, p, bytes);
    weir_status s = part_resume(p, me->io, cx, bytes);
    return s == WEIR_OK ? go_on(me, cx, p, saved) : s;
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

weir_status file_restore(void *self, weir_ctx *cx, const weir_transaction *t)
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
    if (!me->numbered && !is_alike(me, &saved))
        return weir_fail(
            cx, WEIR_E_CONFIG,
            "'%s%s' has records of the format and columns '%s', and those that would follow are '%s'; give them another "
            "path, or a directory, where a new part begins",
            me->base, saved.rest, saved.columns, me->columns);
    struct part *p = part_create(cx, me->base, saved.rest, strlen(saved.rest));
    if (!p) return sink_no_memory(cx);
    p->saved = true;
    if (saved.kind == SAVED_PENDING) return restore_pending(me, cx, p, saved.number);
    s = resume(me, cx, p, &saved);
    if (s != WEIR_OK) part_destroy(p, cx);
    return s;
}

/* ---- persisting: on an instance of its own, with nothing but the options ----------------------------------------- */

/* What is not there under its hidden name was committed meanwhile, and synced before that. */
static weir_status sync_part(const file_sink *me, weir_ctx *cx, const struct part *p)
{
    weir_io_error e = {0}, unseen = {0}, ignored;
    weir_file *file = NULL;
    int64_t bytes;
    weir_status s = me->io->open(cx, p->hidden, WEIR_FILE_READ, &file, &e);
    if (s != WEIR_OK) {
        if (me->io->exists(cx, p->hidden, &bytes, &unseen) != WEIR_OK) return io_failed(cx, &unseen);
        return bytes < 0 ? WEIR_OK : io_failed(cx, &e);
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
    if (!p) return sink_no_memory(cx);
    s = sync_part(me, cx, p);
    if (s == WEIR_OK) s = strings_add(folders, cx, p->name, p->folder);
    part_destroy(p, cx);
    return s;
}

weir_status file_persist(void *self, weir_ctx *cx, const weir_str *transactions, size_t n)
{
    file_sink *me = self;
    struct strings folders = {0};
    weir_status s = sink_check_unbroken(me, cx);
    if (s != WEIR_OK) return s;
    me->io = weir_io_of(cx);
    s = sink_make_base(me, cx);
    for (size_t i = 0; s == WEIR_OK && i < n; i++) s = persist_one(me, cx, transactions[i], &folders);
    for (size_t i = 0; s == WEIR_OK && i < folders.n; i++) s = sync_folder(me, cx, folders.all[i], strlen(folders.all[i]));
    me->broken |= s != WEIR_OK;
    strings_clear(&folders, cx);
    cx->host->release(cx, me->base);
    me->base = NULL;
    return s;
}
