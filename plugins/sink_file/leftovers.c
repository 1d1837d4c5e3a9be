/* leftovers.c - what earlier runs have left in the sink's folder. Each subtask looks after the parts whose numbers are its
 * own modulo the parallelism, so that no two touch the same file, and none looks at what another is writing. */
#include <stdio.h>
#include <stdlib.h>

#include "sink.h"

#define HIDDEN ".inprogress"

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
 * run goes on from. What a killed run of more subtasks held is nobody's: a living one had kept this one away (held.c). */
static weir_status sweep(struct search *s, const char *path, const char *hidden)
{
    file_sink *me = s->me;
    const char *below = path + strlen(me->base);
    unsigned long subtask;
    weir_io_error e = {0};
    char name[BUCKET_MAX + 300];
    const char *rest = subtask_of(hidden + 1, &subtask);
    const weir_info *info = weir_about(s->cx);
    if (!rest || subtask % info->parallelism != info->subtask) return WEIR_OK;
    if (strcmp(rest, HELD) == 0 && subtask != info->subtask)
        return me->io->remove(s->cx, path, &e) == WEIR_OK ? WEIR_OK : io_failed(s->cx, &e);
    if (*rest != '-' || !ends_with(hidden, HIDDEN)) return WEIR_OK;
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

weir_status sink_look_around(file_sink *me, weir_ctx *cx)
{
    struct search search = {.me = me, .cx = cx, .depth = me->numbered ? bucketer_depth(&me->bucketer) : 0};
    return look_into(&search, me->path);
}
