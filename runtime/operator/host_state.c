/* host_state.c - current key, keyed state, timers and clocks of the host table. [task] */
#include <string.h>

#include "base/alloc.h"
#include "operator/instance_internal.h"
#include "state/ttl.h"
#include "state/unkeyed.h"

static weir_status no_memory(struct weir_instance *in)
{
    return weir_op_fail(in->op, WEIR_E_MEMORY, "no memory for keyed state");
}

/* ---- the current key --------------------------------------------------------------------------------------------- */

static void fetch(struct weir_instance *in, int64_t row)
{
    int64_t first = row - row % WEIR_STATE_FETCH;
    (void)in->state->ops->fetch(in->state, in->rows, first);
    in->fetch_at = first + WEIR_STATE_FETCH;
}

weir_status weir_instance_use_row_key(struct weir_instance *in, int64_t row)
{
    weir_status s = in->puts_keys ? weir__instance_fill_keys(in) : WEIR_OK;
    if (s != WEIR_OK) return s;
    if (!in->rows || in->input->n_key_fields == 0)
        return weir_op_fail(in->op, WEIR_E_PLUGIN, "use_key was called where there is no keyed record");
    in->key_bytes.n = 0;
    s = weir_key_encode(&in->key_bytes, &in->rows->view, in->input->key_fields, in->input->n_key_fields, row);
    if (s == WEIR_E_DATA) {
        weir_op_fail(in->op, s, "a key field is null; null keys are not allowed: filter such records out before key_by");
        return weir_instance_failed(in, s, NULL);
    }
    if (s != WEIR_OK) return no_memory(in);
    in->key = (struct weir_key_ref){.p = in->key_bytes.p,
                                    .n = (uint32_t)in->key_bytes.n,
                                    .group = in->rows->keys.key_group[row],
                                    .hash = in->rows->keys.hash[row]};
    in->key_at = row;
    if (row >= in->fetch_at) fetch(in, row);
    if (in->ttl) weir_ttl_hold(in->ttl);
    return WEIR_OK;
}

weir_status weir_instance_use_key(struct weir_instance *in, const struct weir_key_ref *key)
{
    weir_status s = in->puts_keys ? weir__instance_fill_keys(in) : WEIR_OK;
    if (s != WEIR_OK) return s;
    if (in->key_bytes.capacity < key->n) {
        uint8_t *p = weir_try_realloc(in->key_bytes.p, key->n);
        if (!p) return no_memory(in);
        in->key_bytes.p = p;
        in->key_bytes.capacity = key->n;
    }
    memcpy(in->key_bytes.p, key->p, key->n);
    in->key_bytes.n = key->n;
    in->key = *key;
    in->key.p = in->key_bytes.p;
    in->key_at = -1;
    if (in->ttl) weir_ttl_hold(in->ttl);
    weir_rows_release(in->key_rows);
    in->key_rows = NULL;
    return WEIR_OK;
}

void weir__instance_forget_key(struct weir_instance *in)
{
    in->key = (struct weir_key_ref){0};
    in->key_at = -1;
    weir_rows_release(in->key_rows);
    in->key_rows = NULL;
}

weir_row weir__instance_key_row(struct weir_instance *in)
{
    if (in->key_at >= 0) return (weir_row){&in->key_view, in->key_at};
    if (!in->key_rows) {
        int32_t forgotten;
        if (!in->key.p || in->inputs[0].n_key_fields == 0 ||
            weir_key_decode(in->key.p, in->key.n, &in->key_builder) != WEIR_OK ||
            !(in->key_rows = weir_builder_take(&in->key_builder, 0, NULL, &forgotten))) {
            weir_op_fail(in->op, WEIR_E_PLUGIN, "the key was asked for where no key is current");
            return (weir_row){NULL, 0};
        }
    }
    return (weir_row){&in->key_rows->view, 0};
}

static weir_status host_use_key(weir_ctx *cx, int64_t row)
{
    return weir_instance_use_row_key(weir_instance_of(cx), row);
}
static weir_row host_key(weir_ctx *cx)
{
    return weir__instance_key_row(weir_instance_of(cx));
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

/* A component that touches state without a key, or a state that it did not declare, is refused rather than obeyed. */
static bool has_state(struct weir_instance *in, uint32_t state)
{
    const struct weir_state_layout *states = in->part.spec->info->states;
    uint32_t n = in->part.spec->info->n_states;
    if (state < n && in->state && weir_state_is_keyed(states[state].kind)) return true;
    if (state < n && !weir_state_is_keyed(states[state].kind)) {
        weir_op_fail(in->op, WEIR_E_PLUGIN,
                     "state '%s' belongs to no key: it is a %s state, used where a keyed one was expected, or outside of a "
                     "subtask (discover, persist)",
                     states[state].name, weir_state_kind_name(states[state].kind));
        return false;
    }
    weir_op_fail(in->op, WEIR_E_PLUGIN, "state %u was used, but the component declares %u", state, n);
    return false;
}

/* The cases that are not plain, and what is wrong. */
static bool may_use_after_all(struct weir_instance *in, uint32_t state, weir_state_kind kind)
{
    const struct weir_component_info *info = in->part.spec->info;
    if (!has_state(in, state)) return false;
    if (kind && info->states[state].kind != kind) {
        weir_op_fail(in->op, WEIR_E_PLUGIN, "state '%s' was used as another kind of state than it was declared",
                     info->states[state].name);
        return false;
    }
    if (!in->key.p) {
        weir_op_fail(in->op, WEIR_E_PLUGIN, "state '%s' was used where no key is current; call use_key(row) first",
                     info->states[state].name);
        return false;
    }
    return true;
}

static inline bool may_use(struct weir_instance *in, uint32_t state, weir_state_kind kind)
{
    const struct weir_component_info *info = in->part.spec->info;
    if (state < info->n_states && info->states[state].kind == kind && in->state && in->key.p && weir_state_is_keyed(kind))
        return true;
    return may_use_after_all(in, state, kind);
}

/* The window at hand for what belongs to one: the states of triggers, and those that functions declare so. */
static int64_t namespace_of(const struct weir_instance *in, uint32_t state)
{
    const struct weir_component_info *info = in->part.spec->info;
    return info->kind != WEIR_WINDOW_FUNCTION || info->states[state].flags & WEIR_PER_WINDOW ? in->ns : 0;
}

#define SET   in->state
#define AT    in->state, in->state_base + state, &in->key, namespace_of(in, state)
#define TIMED in->ttl, in->state, state, &in->key

static bool expires(const struct weir_instance *in, uint32_t state)
{
    return in->ttl && weir_ttl_has(in->ttl, state);
}

static bool folds(const struct weir_instance *in, uint32_t state)
{
    const struct weir_component_info *info = in->part.spec->info;
    if (state >= info->n_states) return false;
    return info->states[state].kind == WEIR_REDUCING || info->states[state].kind == WEIR_AGGREGATING;
}

static const void *host_value_get(weir_ctx *cx, uint32_t state)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_use(in, state, folds(in, state) ? 0 : WEIR_VALUE)) return NULL;
    return expires(in, state) ? weir_ttl_value_get(TIMED) : SET->ops->value_get(AT);
}
static void *host_value_edit(weir_ctx *cx, uint32_t state)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_use(in, state, WEIR_VALUE)) return NULL;
    void *value = expires(in, state) ? weir_ttl_value_edit(TIMED) : SET->ops->value_edit(AT);
    if (!value) no_memory(in);
    return value;
}

/* ---- reducing and aggregating states ----------------------------------------------------------------------------- */

/* The declaration, with its functions: those of a plugin's manifest have none. */
static const weir_state *declared(const struct weir_instance *in, uint32_t state)
{
    const weir_component *c = in->part.component;
    return (const void *)((const char *)c->states + (size_t)state * c->state_stride);
}

/* A copy of a value, its texts too, into an entry that edit gave. */
static weir_status store(struct weir_instance *in, uint32_t state, void *to, const void *value)
{
    const struct weir_state_layout *l = &in->part.spec->info->states[state];
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < l->n_fields; i++) {
        uint8_t *member = (uint8_t *)to + l->fields[i].offset;
        const uint8_t *from = (const uint8_t *)value + l->fields[i].offset;
        if (weir_type_is_variable((weir_type)l->fields[i].type))
            s = SET->ops->assign(SET, in->state_base + state, (weir_str *)(void *)member,
                                 *(const weir_str *)(const void *)from);
        else
            memcpy(member, from, l->fields[i].size);
    }
    return s == WEIR_OK ? s : no_memory(in);
}

static weir_status host_value_add(weir_ctx *cx, uint32_t state, const void *value)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_use(in, state, folds(in, state) ? 0 : WEIR_REDUCING)) return WEIR_E_PLUGIN;
    bool is_first = in->part.spec->info->states[state].kind == WEIR_REDUCING &&
                    !(expires(in, state) ? weir_ttl_value_is_seen(TIMED) : SET->ops->value_get(AT) != NULL);
    void *into = expires(in, state) ? weir_ttl_value_edit(TIMED) : SET->ops->value_edit(AT);
    if (!into) return no_memory(in);
    if (is_first) return store(in, state, into, value);
    weir_status s = declared(in, state)->add(in->part.self, cx, into, value);
    return s < 0 ? weir_instance_failed(in, s, "add of a state") : WEIR_OK;
}

static weir_status host_value_result(weir_ctx *cx, uint32_t state, void *out)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_use(in, state, WEIR_AGGREGATING)) return WEIR_E_PLUGIN;
    const void *acc = host_value_get(cx, state);
    if (!acc) {
        uint32_t size = in->part.spec->info->states[state].size;
        void *empty = weir__scratch_take(&in->scratch, size);
        if (!empty) return no_memory(in);
        acc = memset(empty, 0, size);
    }
    weir_status s = declared(in, state)->result(in->part.self, cx, acc, out);
    return s < 0 ? weir_instance_failed(in, s, "result of a state") : WEIR_OK;
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static bool is_unkeyed(const struct weir_instance *in, uint32_t state)
{
    const struct weir_component_info *info = in->part.spec->info;
    return in->unkeyed && state < info->n_states && !weir_state_is_keyed(info->states[state].kind);
}

/* Where a state is that may belong to no key. */
#define SET_OF (is_unkeyed(in, state) ? in->unkeyed : in->state)
#define AT_OF                                                                                                        \
    SET_OF, is_unkeyed(in, state) ? state : in->state_base + state, is_unkeyed(in, state) ? &weir_no_key : &in->key, \
        is_unkeyed(in, state) ? 0 : namespace_of(in, state)

static bool may_use_list(struct weir_instance *in, uint32_t state)
{
    if (!is_unkeyed(in, state) || in->part.spec->info->states[state].kind == WEIR_BROADCAST)
        return may_use(in, state, WEIR_LIST);
    return true;
}

static bool may_change_list(struct weir_instance *in, uint32_t state)
{
    if (!may_use_list(in, state)) return false;
    const struct weir_state_layout *l = &in->part.spec->info->states[state];
    if (l->kind != WEIR_RAW || in->is_cut) return true;
    weir_op_fail(
        in->op, WEIR_E_PLUGIN,
        "raw state '%s' was changed outside of snapshot; it is kept in checkpoints alone, so each snapshot writes all "
        "of it",
        l->name);
    return false;
}

static weir_status host_list_add(weir_ctx *cx, uint32_t state, const void *item)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_change_list(in, state)) return WEIR_E_PLUGIN;
    weir_status s = expires(in, state) ? weir_ttl_list_add(TIMED, item) : SET_OF->ops->list_add(AT_OF, item);
    return s == WEIR_OK ? WEIR_OK : no_memory(in);
}
static size_t host_list_size(weir_ctx *cx, uint32_t state)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_use_list(in, state)) return 0;
    return expires(in, state) ? weir_ttl_list_size(TIMED) : SET_OF->ops->list_size(AT_OF);
}
static const void *host_list_at(weir_ctx *cx, uint32_t state, size_t i)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_use_list(in, state)) return NULL;
    return expires(in, state) ? weir_ttl_list_at(TIMED, i) : SET_OF->ops->list_at(AT_OF, i);
}
static weir_status host_list_update(weir_ctx *cx, uint32_t state, const void *items, size_t n)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_change_list(in, state)) return WEIR_E_PLUGIN;
    weir_status s = expires(in, state) ? weir_ttl_list_update(TIMED, items, n) : SET_OF->ops->list_update(AT_OF, items, n);
    return s == WEIR_OK ? WEIR_OK : no_memory(in);
}

/* ---- maps: the current key's, or the subtask's copy of a broadcast one ------------------------------------------- */

static bool is_broadcast(const struct weir_instance *in, uint32_t state)
{
    return is_unkeyed(in, state) && in->part.spec->info->states[state].kind == WEIR_BROADCAST;
}

static bool is_broadcast_input(const struct weir_instance *in)
{
    return in->rows && in->input == &in->inputs[1];
}

static bool may_use_map(struct weir_instance *in, uint32_t state)
{
    return is_broadcast(in, state) || may_use(in, state, WEIR_MAP);
}

static bool may_change_map(struct weir_instance *in, uint32_t state)
{
    if (!is_broadcast(in, state)) return may_use(in, state, WEIR_MAP);
    if (is_broadcast_input(in)) return true;
    weir_op_fail(in->op, WEIR_E_PLUGIN,
                 "broadcast state '%s' was changed outside of the broadcast input; only there do all subtasks see the same "
                 "records, so that their copies stay the same",
                 in->part.spec->info->states[state].name);
    return false;
}

static const void *host_map_get(weir_ctx *cx, uint32_t state, const void *key)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (is_broadcast(in, state)) return in->unkeyed->ops->map_get(in->unkeyed, state, &weir_no_key, 0, key);
    if (!may_use(in, state, WEIR_MAP)) return NULL;
    return expires(in, state) ? weir_ttl_map_get(TIMED, key) : SET->ops->map_get(AT, key);
}
static void *host_map_edit(weir_ctx *cx, uint32_t state, const void *key)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_change_map(in, state)) return NULL;
    void *value = expires(in, state) ? weir_ttl_map_edit(TIMED, key) : SET_OF->ops->map_edit(AT_OF, key);
    if (!value) no_memory(in);
    return value;
}
static weir_status host_map_remove(weir_ctx *cx, uint32_t state, const void *key)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_change_map(in, state)) return WEIR_E_PLUGIN;
    SET_OF->ops->map_remove(AT_OF, key);
    return WEIR_OK;
}
static size_t host_map_size(weir_ctx *cx, uint32_t state)
{
    struct weir_instance *in = weir_instance_of(cx);
    return may_use_map(in, state) ? SET_OF->ops->map_size(AT_OF) : 0;
}
static bool host_map_next(weir_ctx *cx, uint32_t state, weir_cursor *cursor, const void **key, const void **value)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!may_use_map(in, state)) return false;
    return expires(in, state) ? weir_ttl_map_next(TIMED, cursor, key, value)
                              : SET_OF->ops->map_next(AT_OF, cursor, key, value);
}
static weir_status host_clear(weir_ctx *cx, uint32_t state)
{
    struct weir_instance *in = weir_instance_of(cx);
    bool may = is_broadcast(in, state) ? may_change_map(in, state)
               : is_unkeyed(in, state) ? may_change_list(in, state)
                                       : may_use(in, state, 0);
    if (!may) return WEIR_E_PLUGIN;
    SET_OF->ops->clear(AT_OF);
    return WEIR_OK;
}

/* ---- bytes of members -------------------------------------------------------------------------------------------- */

/* Bytes of a struct that is not in the state yet. */
static void *resize_migrated(struct weir_instance *in, weir_str *member, size_t size)
{
    char *p = weir__scratch_take(&in->scratch, size + 1);
    if (!p) return NULL;
    size_t kept = member->n < size ? member->n : size;
    if (kept > 0) memcpy(p, member->p, kept);
    memset(p + kept, 0, size - kept);
    *member = (weir_str){p, size};
    return p;
}

static weir_status assign_migrated(struct weir_instance *in, weir_str *member, weir_str bytes)
{
    member->n = 0;
    char *p = resize_migrated(in, member, bytes.n);
    if (!p) return no_memory(in);
    if (bytes.n > 0) memcpy(p, bytes.p, bytes.n);
    return WEIR_OK;
}

static weir_status host_assign(weir_ctx *cx, uint32_t state, weir_str *member, weir_str bytes)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (in->migrating) return assign_migrated(in, member, bytes);
    if (!is_unkeyed(in, state) && !has_state(in, state)) return WEIR_E_PLUGIN;
    uint32_t at = is_unkeyed(in, state) ? state : in->state_base + state;
    weir_status s = SET_OF->ops->assign(SET_OF, at, member, bytes);
    return s == WEIR_OK ? s : no_memory(in);
}
static void *host_resize_bytes(weir_ctx *cx, uint32_t state, weir_str *member, size_t size)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (in->migrating) {
        void *bytes = resize_migrated(in, member, size);
        if (!bytes) no_memory(in);
        return bytes;
    }
    if (!is_unkeyed(in, state) && !has_state(in, state)) return NULL;
    uint32_t at = is_unkeyed(in, state) ? state : in->state_base + state;
    void *p = SET_OF->ops->resize_bytes(SET_OF, at, member, size);
    if (!p && size > 0) no_memory(in);
    return p;
}

/* ---- every key --------------------------------------------------------------------------------------------------- */

/* The keys of one key group, copied: what is done with one may add and remove others. */
struct key_list {
    struct weir_key_ref *keys; /* p: offset into bytes until all are there */
    size_t n, capacity;
    uint8_t *bytes;
    size_t n_bytes, bytes_capacity;
};

static void list_keys(struct weir_instance *in, uint32_t state, uint32_t group, struct key_list *list)
{
    weir_cursor at = {0};
    struct weir_key_ref key;
    void *value;
    list->n = list->n_bytes = 0;
    while (SET->ops->next_key(SET, in->state_base + state, group, namespace_of(in, state), &at, &key, &value)) {
        WEIR_GROW(list->keys, list->capacity, list->n + 1);
        WEIR_GROW(list->bytes, list->bytes_capacity, list->n_bytes + key.n);
        memcpy(list->bytes + list->n_bytes, key.p, key.n);
        list->keys[list->n++] = key;
        list->n_bytes += key.n;
    }
    const uint8_t *p = list->bytes;
    for (size_t i = 0; i < list->n; i++) {
        list->keys[i].p = p;
        p += list->keys[i].n;
    }
}

static weir_status host_each_key(weir_ctx *cx, uint32_t state, weir_status (*fn)(void *self, weir_ctx *, void *arg),
                                 void *arg)
{
    struct weir_instance *in = weir_instance_of(cx);
    struct key_list list = {0};
    weir_status s = WEIR_OK;
    if (is_unkeyed(in, state) || !has_state(in, state) || !is_broadcast_input(in))
        return weir_op_fail(in->op, WEIR_E_PLUGIN,
                            "each_key is for keyed states, while records of a broadcast input are processed");
    for (uint32_t group = SET->first_group; s == WEIR_OK && group <= SET->last_group; group++) {
        list_keys(in, state, group, &list);
        for (size_t i = 0; s == WEIR_OK && i < list.n; i++) {
            s = weir_instance_use_key(in, &list.keys[i]);
            if (s == WEIR_OK) s = fn(in->part.self, cx, arg);
            SET->ops->settle(SET);
        }
    }
    if (s == WEIR_OK) s = weir__instance_fill_keys(in); /* rows of the last key */
    weir__instance_forget_key(in);
    weir_free(list.keys);
    weir_free(list.bytes);
    return s;
}

/* ---- timers and clocks ------------------------------------------------------------------------------------------- */

static weir_status check_timer(struct weir_instance *in, uint32_t clock)
{
    if (clock > WEIR_PROCESSING_TIME)
        return weir_op_fail(in->op, WEIR_E_PLUGIN, "a timer on clock %u; there are event time (0) and processing time (1)",
                            clock);
    if (in->part.spec->info->kind == WEIR_WINDOW_FUNCTION)
        return weir_op_fail(in->op, WEIR_E_PLUGIN,
                            "a window function set or dropped a timer; when a window fires is the business of its trigger");
    if (!in->timers || !in->key.p) {
        return weir_op_fail(
            in->op, WEIR_E_PLUGIN,
            "a timer was set where no key is current; timers belong to keyed components and the current key");
    }
    return WEIR_OK;
}
static weir_status host_set_timer(weir_ctx *cx, uint32_t clock, uint64_t ns, int64_t at)
{
    struct weir_instance *in = weir_instance_of(cx);
    weir_status s = check_timer(in, clock);
    if (s != WEIR_OK) return s;
    if (in->timers_in_ns) ns = (uint64_t)in->ns;
    if (at <= in->again_at && clock == (uint32_t)in->again_clock) in->set_again++;
    return weir_timers_set(in->timers, (weir_clock)clock, &in->key, ns, at) == WEIR_OK ? WEIR_OK : no_memory(in);
}
static weir_status host_drop_timer(weir_ctx *cx, uint32_t clock, uint64_t ns, int64_t at)
{
    struct weir_instance *in = weir_instance_of(cx);
    weir_status s = check_timer(in, clock);
    if (in->timers_in_ns) ns = (uint64_t)in->ns;
    if (s != WEIR_OK) return s;
    return weir_timers_drop(in->timers, (weir_clock)clock, &in->key, ns, at) == WEIR_OK ? WEIR_OK : no_memory(in);
}
static int64_t host_now(weir_ctx *cx)
{
    const struct weir_platform *p = weir_instance_of(cx)->op->env->platform;
    return p->wall_ms(p->self);
}
static int64_t host_watermark(weir_ctx *cx)
{
    return weir_instance_of(cx)->op->watermark;
}

void weir__host_state(weir_host *h)
{
    h->use_key = host_use_key;
    h->key = host_key;
    h->value_get = host_value_get;
    h->value_edit = host_value_edit;
    h->value_add = host_value_add;
    h->value_result = host_value_result;
    h->clear = host_clear;
    h->list_add = host_list_add;
    h->list_size = host_list_size;
    h->list_at = host_list_at;
    h->list_update = host_list_update;
    h->map_get = host_map_get;
    h->map_edit = host_map_edit;
    h->map_remove = host_map_remove;
    h->map_size = host_map_size;
    h->map_next = host_map_next;
    h->each_key = host_each_key;
    h->assign = host_assign;
    h->resize_bytes = host_resize_bytes;
    h->set_timer = host_set_timer;
    h->drop_timer = host_drop_timer;
    h->now = host_now;
    h->watermark = host_watermark;
}
