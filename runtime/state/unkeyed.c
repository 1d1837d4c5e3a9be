/* unkeyed.c - see the header. Restoring reads all parts into every subtask: these states are small. */
#include "state/unkeyed.h"

#include <string.h>

#include "base/alloc.h"
#include "data/msgpack_get.h"
#include "state/pack.h"
#include "state/snapshot_internal.h"

const struct weir_key_ref weir_no_key = {.p = (const uint8_t *)""};

struct weir_state_set *weir_unkeyed_create(const struct weir_state_layout *layouts, uint32_t n_states)
{
    bool any = false;
    for (uint32_t i = 0; i < n_states; i++) any |= !weir_state_is_keyed(layouts[i].kind);
    return any ? weir_heap_state_create(layouts, n_states, 0, 0) : NULL;
}

void weir_unkeyed_forget_raw(struct weir_state_set *set)
{
    for (uint32_t i = 0; set && i < set->n_states; i++) {
        if (set->layouts[i].kind == WEIR_RAW) set->ops->clear(set, i, &weir_no_key, 0);
    }
    if (set) set->ops->settle(set);
}

/* ---- cutting ----------------------------------------------------------------------------------------------------- */

static enum weir_deal deal_of(weir_state_kind kind)
{
    return kind == WEIR_BROADCAST ? WEIR_DEAL_COPY : kind == WEIR_UNION_LIST ? WEIR_DEAL_UNION : WEIR_DEAL_SPLIT;
}

static int cut_map(struct weir_snapshot_list *to, struct weir_state_set *set, uint32_t state)
{
    weir_cursor at = {0};
    const void *k, *v;
    int failed = 0;
    while (!failed && set->ops->map_next(set, state, &weir_no_key, 0, &at, &k, &v)) {
        failed |= !weir__pack_pair(&to->bytes, &set->layouts[state], k, v);
        to->n++;
    }
    return failed;
}

static int cut_list(struct weir_snapshot_list *to, struct weir_state_set *set, uint32_t state)
{
    const struct weir_state_layout *l = &set->layouts[state];
    size_t n = set->ops->list_size(set, state, &weir_no_key, 0);
    int failed = 0;
    for (size_t i = 0; !failed && i < n; i++) {
        const void *item = set->ops->list_at(set, state, &weir_no_key, 0, i);
        if (l->kind == WEIR_RAW) {
            const weir_str *bytes = item;
            failed |= weir_snapshot_add_bytes(to, bytes->n ? bytes->p : "", bytes->n) != WEIR_OK;
            continue;
        }
        failed |= !weir__pack_struct(&to->bytes, l->fields, l->n_fields, item);
        to->n++;
    }
    return failed;
}

weir_status weir_unkeyed_cut(struct weir_state_set *set, bool with_header, struct weir_snapshot *to,
                             struct weir_error *error)
{
    weir_status s = with_header ? weir_snapshot_header(to, set->layouts, set->n_states, error) : WEIR_OK;
    if (s != WEIR_OK) return s;
    int failed = 0;
    for (uint32_t i = 0; !failed && i < set->n_states; i++) {
        const struct weir_state_layout *l = &set->layouts[i];
        if (weir_state_is_keyed(l->kind)) continue;
        struct weir_snapshot_list *list = weir_snapshot_list(to, l->name, deal_of(l->kind));
        failed |= weir_layout_shape(l) == WEIR_SHAPE_MAP ? cut_map(list, set, i) : cut_list(list, set, i);
    }
    return failed ? weir_error_set(error, WEIR_E_MEMORY, "no memory for a snapshot") : WEIR_OK;
}

/* ---- dealing ----------------------------------------------------------------------------------------------------- */

static const struct weir_snapshot_list *find_list(const struct weir_snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->n_lists; i++) {
        if (strcmp(s->lists[i].name, name) == 0) return &s->lists[i];
    }
    return NULL;
}

/* The receiver of the first run: as many places on as items were left over in the lists whose names come before. */
static uint64_t first_receiver(const struct weir_snapshot *from, uint32_t n, uint32_t parallelism, const char *name)
{
    uint64_t before = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (size_t k = 0; k < from[i].n_lists; k++) {
            const struct weir_snapshot_list *list = &from[i].lists[k];
            if (list->deal == WEIR_DEAL_SPLIT && strcmp(list->name, name) < 0) before += list->n % parallelism;
        }
    }
    return before % parallelism;
}

void weir__deal_begin(struct weir__deal *d, const struct weir_snapshot *from, uint32_t n, uint32_t parallelism,
                      const char *name)
{
    *d = (struct weir__deal){.same = n == parallelism, .parallelism = parallelism};
    for (uint32_t i = 0; i < n; i++) {
        const struct weir_snapshot_list *list = find_list(&from[i], name);
        d->total += list ? list->n : 0;
    }
    if (!d->same) d->first = first_receiver(from, n, parallelism, name);
}

uint32_t weir__deal_owner(const struct weir__deal *d, uint32_t subtask, uint64_t index)
{
    if (d->same) return subtask;
    uint64_t each = d->total / d->parallelism, longer = d->total % d->parallelism, in_longer = longer * (each + 1);
    uint64_t run = index < in_longer ? index / (each + 1) : longer + (index - in_longer) / each;
    return (uint32_t)((d->first + run) % d->parallelism);
}

/* ---- restoring --------------------------------------------------------------------------------------------------- */

struct restoring {
    struct weir_state_set *set;
    const struct weir_snapshot *from;
    uint32_t n, subtask, parallelism;
    struct weir_restore **parts; /* how each part's items are read; of those that have a list */
    void *room;
    struct weir_error *error;
};

/* Whether item `index` of the state, which `subtask` had, is this subtask's. */
static bool is_own(const struct restoring *r, const struct weir__deal *d, weir_state_kind kind, uint32_t subtask,
                   uint64_t index)
{
    if (kind == WEIR_UNION_LIST) return true;
    if (kind == WEIR_BROADCAST) return subtask == r->subtask % r->n;
    return weir__deal_owner(d, subtask, index) == r->subtask;
}

static weir_status restore_items(struct restoring *r, uint32_t state, uint32_t subtask,
                                 const struct weir_snapshot_list *list, const struct weir__deal *d, uint64_t *index)
{
    weir_status s = WEIR_OK;
    size_t size;
    for (size_t at = 0; s == WEIR_OK && at < list->bytes.n; at += size, ++*index) {
        size = weir_msgpack_size(list->bytes.p + at, list->bytes.n - at);
        const weir_str item = {(const char *)list->bytes.p + at, size};
        if (size == 0 || *index >= d->total)
            s = weir_error_set(
                r->error, WEIR_E_DATA,
                "expected an item of list '%s', found something else; the file is damaged, or not one of weir's",
                list->name);
        else if (is_own(r, d, r->set->layouts[state].kind, subtask, *index))
            s = weir__restore_item(r->parts[subtask], r->set, state, &weir_no_key, item, r->room, r->error);
        r->set->ops->settle(r->set);
    }
    return s;
}

static weir_status restore_state(struct restoring *r, uint32_t state)
{
    const char *name = r->set->layouts[state].name;
    struct weir__deal deal;
    uint64_t index = 0;
    weir_status s = WEIR_OK;
    weir__deal_begin(&deal, r->from, r->n, r->parallelism, name);
    for (uint32_t i = 0; s == WEIR_OK && i < r->n; i++) {
        const struct weir_snapshot_list *list = find_list(&r->from[i], name);
        if (!list) continue;
        if (r->from[i].watch) r->from[i].watch->list(r->from[i].watch->arg, name);
        s = restore_items(r, state, i, list, &deal, &index);
    }
    return s;
}

/* A list whose state is of another kind now, or whose items have members that cannot become what they are to be. */
static weir_status check_lists(const struct weir_snapshot *from, const struct weir_restore *restore,
                               struct weir_error *error)
{
    for (size_t i = 0; i < weir_restore_count(restore); i++) {
        const struct weir_restored_state *state = weir_restore_state(restore, i);
        const struct weir_snapshot_list *list = state->result == WEIR_REFUSED ? find_list(from, state->name) : NULL;
        if (list && list->n > 0)
            return weir_error_set(error, WEIR_E_CONFIG, "state '%s' cannot be restored: %s", state->name, state->why);
    }
    return WEIR_OK;
}

static weir_status read_headers(struct restoring *r)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < r->n; i++) {
        const struct weir_snapshot *part = &r->from[i];
        if (part->n_lists == 0) continue;
        if (part->header.n == 0) { /* of a weir that wrote none for broadcast states without keys */
            r->parts[i] = weir__restore_as_it_is(r->set->layouts, r->set->n_states);
            continue;
        }
        s = weir_restore_create(part->header.p, part->header.n, r->set->layouts, r->set->n_states, NULL, &r->parts[i],
                                r->error);
        if (s == WEIR_OK && part->watch)
            part->watch->header(part->watch->arg, r->parts[i], r->set->layouts, r->set->n_states);
        if (s == WEIR_OK) s = check_lists(part, r->parts[i], r->error);
    }
    return s;
}

weir_status weir_unkeyed_restore(struct weir_state_set *set, const struct weir_snapshot *from, uint32_t n, uint32_t subtask,
                                 uint32_t parallelism, struct weir_error *error)
{
    struct restoring r = {set, from, n, subtask, parallelism, weir_alloc_array(n + 1, sizeof *r.parts), NULL, error};
    uint32_t most = 1;
    for (uint32_t i = 0; i < set->n_states; i++) most = set->layouts[i].size > most ? set->layouts[i].size : most;
    r.room = weir_alloc(most);
    weir_status s = read_headers(&r);
    for (uint32_t i = 0; s == WEIR_OK && i < set->n_states; i++) {
        if (!weir_state_is_keyed(set->layouts[i].kind)) s = restore_state(&r, i);
    }
    for (uint32_t i = 0; i < n; i++) weir_restore_destroy(r.parts[i]);
    weir_free(r.parts);
    weir_free(r.room);
    return s;
}
