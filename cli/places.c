/* places.c - see the header. */
#include "cli/places.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/platform.h"

static char *path_of(const struct weir_job_home *home)
{
    return weir_job_home_path(home, "state-backends");
}

static void add_place(void *arg, const char *node, const char *place)
{
    json_object_set_new(arg, node ? node : "", json_string(place));
}

/* What the manifest says now. NULL: the error says why. */
static json_t *places_of(struct weir_job *job, struct weir_error_text *error)
{
    json_t *places = json_object();
    if (weir_job_each_state_place(job, add_place, places, error) == WEIR_OK) return places;
    json_decref(places);
    return NULL;
}

static json_t *read_moves(const struct weir_job_home *home)
{
    char *path = path_of(home);
    json_t *moves = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_array(moves)) {
        if (access(path, F_OK) == 0)
            weir_log(WEIR_WARN, "cli",
                     "%s: expected a list of moves, found something else; state begins where the manifest says", path);
        json_decref(moves);
        moves = json_array();
    }
    weir_free(path);
    return moves;
}

/* A move of everything, or of the same node, makes those before it void. */
static json_t *without_void(const json_t *moves, const char *node)
{
    json_t *kept = json_array();
    size_t i;
    const json_t *move;
    json_array_foreach(moves, i, move)
    {
        const char *other = json_string_value(json_object_get(move, "node"));
        if (node && (!other || strcmp(node, other) != 0)) json_array_append_new(kept, json_deep_copy(move));
    }
    return kept;
}

weir_status weir_places_note(const struct weir_job_home *home, struct weir_job *job, const struct weir_swap_options *o,
                             struct weir_error *error)
{
    const struct weir_platform *os = weir_platform_os();
    json_t *before = read_moves(home), *moves = without_void(before, o->node), *instead = places_of(job, NULL);
    json_array_append_new(moves, json_pack("{s:s, s:s*, s:s*, s:s*, s:o*}", "backend", o->backend, "node", o->node, "cache",
                                           o->cache, "directory", o->directory, "instead", instead));
    char *text = json_dumps(moves, JSON_INDENT(2)), *path = path_of(home);
    weir_status s = weir_write_file(os, path, text, strlen(text), error);
    free(text);
    weir_free(path);
    json_decref(before);
    json_decref(moves);
    return s;
}

/* Does the manifest say of the node what it said then? Of one that is new, what it said of the whole job. */
static bool holds(const json_t *instead, const char *node, const char *now)
{
    const char *then = json_string_value(json_object_get(instead, node));
    if (!then) then = json_string_value(json_object_get(instead, ""));
    return then && strcmp(then, now) == 0;
}

static weir_status begin_there(struct weir_job *job, const json_t *move, const char *node, struct weir_error_text *error)
{
    const struct weir_swap_options o = {.struct_size = sizeof o,
                                        .node = node,
                                        .backend = json_string_value(json_object_get(move, "backend")),
                                        .cache = json_string_value(json_object_get(move, "cache")),
                                        .directory = json_string_value(json_object_get(move, "directory"))};
    return weir_job_swap_state(job, &o, NULL, NULL, error);
}

static weir_status apply(struct weir_job *job, const json_t *move, json_t *now, struct weir_error_text *error)
{
    const json_t *instead = json_object_get(move, "instead");
    const char *moved = json_string_value(json_object_get(move, "node")), *node;
    json_t *place;
    weir_status s = WEIR_OK;
    if (moved && !json_object_get(now, moved)) { /* named by its uid; or it is gone, and nobody minds */
        place = json_object_get(now, "");
        if (holds(instead, "", json_string_value(place))) (void)begin_there(job, move, moved, NULL);
        return s;
    }
    json_object_foreach(now, node, place)
    {
        bool meant = *node && (!moved || strcmp(moved, node) == 0);
        if (s == WEIR_OK && meant && holds(instead, node, json_string_value(place))) s = begin_there(job, move, node, error);
    }
    return s;
}

weir_status weir_places_apply(const struct weir_job_home *home, struct weir_job *job, struct weir_error_text *error)
{
    json_t *moves = read_moves(home), *now = json_array_size(moves) > 0 ? places_of(job, error) : json_object();
    weir_status s = now ? WEIR_OK : error->status;
    size_t i;
    const json_t *move;
    json_array_foreach(moves, i, move)
    {
        if (s == WEIR_OK) s = apply(job, move, now, error);
    }
    json_decref(moves);
    json_decref(now);
    return s;
}

void weir_places_forget(const struct weir_job_home *home)
{
    char *path = path_of(home);
    (void)unlink(path);
    weir_free(path);
}
