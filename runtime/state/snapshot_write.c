/* snapshot_write.c - cutting: keyed state, timers and lists to msgpack. Subtask's thread.
 *
 * An entry is an array [group, state, namespace, key, value]: key an array of its fields; value an array of a struct's
 * members, or for lists an array of those, or for maps an array of [key members, value members] (pack.h). A timer's state
 * is -1 (event time) or -2 (processing time), its value the time in ms.
 */
#include <msgpack.h>
#include <string.h>

#include "base/alloc.h"
#include "state/image.h"
#include "state/pack.h"
#include "state/snapshot.h"
#include "state/snapshot_internal.h"

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static int append(void *to, const char *bytes, size_t n)
{
    return weir_key_bytes_add(to, bytes, n) ? 0 : -1;
}

void weir__pack_into(msgpack_packer *pk, struct weir_key_bytes *to)
{
    msgpack_packer_init(pk, to, append);
}

static weir_status no_memory(struct weir_error *error)
{
    return weir_error_set(error, WEIR_E_MEMORY, "no memory for a snapshot");
}

static int pack_text(msgpack_packer *pk, const char *text)
{
    size_t n = strlen(text);
    int failed = msgpack_pack_str(pk, n);
    return failed | msgpack_pack_str_body(pk, text, n);
}

static int pack_word(msgpack_packer *pk, const char *key, const char *value)
{
    int failed = pack_text(pk, key);
    return failed | pack_text(pk, value);
}

static int pack_number(msgpack_packer *pk, const char *key, int64_t value)
{
    int failed = pack_text(pk, key);
    return failed | msgpack_pack_int64(pk, value);
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

static int pack_fields(msgpack_packer *pk, const weir_field *fields, uint32_t n)
{
    int failed = msgpack_pack_array(pk, n);
    for (uint32_t i = 0; i < n; i++) {
        failed |= msgpack_pack_map(pk, 2);
        failed |= pack_word(pk, "name", fields[i].name);
        failed |= pack_word(pk, "type", weir_type_name((weir_type)fields[i].type));
    }
    return failed;
}

/* Types of inputs that the components of a state leave open: what they keep may depend on them. */
static int pack_inputs(msgpack_packer *pk, const struct weir_state_owner *o)
{
    int failed = pack_text(pk, "inputs");
    failed |= msgpack_pack_array(pk, o->n_inputs);
    for (uint32_t i = 0; i < o->n_inputs; i++) failed |= pack_text(pk, weir_type_name((weir_type)o->inputs[i]));
    return failed;
}

static int pack_parts(msgpack_packer *pk, const struct weir_state_layout *l)
{
    int failed = pack_text(pk, "parts");
    failed |= msgpack_pack_array(pk, l->n_owners);
    for (uint32_t i = 0; i < l->n_owners; i++) {
        failed |= msgpack_pack_map(pk, 3);
        failed |= pack_word(pk, "name", l->owners[i].part);
        failed |= pack_number(pk, "version", l->owners[i].version);
        failed |= pack_inputs(pk, &l->owners[i]);
    }
    return failed;
}

static int pack_owners(msgpack_packer *pk, const struct weir_state_layout *l)
{
    if (l->n_owners == 0) return 0;
    return l->owners[0].part ? pack_parts(pk, l) : pack_inputs(pk, &l->owners[0]);
}

/* Left out where there is nothing to say. */
static bool tells_owners(const struct weir_state_layout *l)
{
    bool any = false;
    for (uint32_t i = 0; i < l->n_owners; i++) {
        const struct weir_state_owner *o = &l->owners[i];
        any |= o->n_inputs > 0 || (o->part && o->version != 1);
    }
    return any;
}

static int pack_state(msgpack_packer *pk, const struct weir_state_layout *l)
{
    bool owned = tells_owners(l);
    int failed = msgpack_pack_map(pk, owned ? 6 : 5);
    failed |= pack_word(pk, "name", l->name);
    failed |= pack_word(pk, "kind", weir_state_kind_name(l->kind));
    failed |= pack_number(pk, "version", l->version);
    failed |= pack_text(pk, "key_fields");
    failed |= pack_fields(pk, l->key_fields, l->n_key_fields);
    failed |= pack_text(pk, "fields");
    failed |= pack_fields(pk, l->fields, l->n_fields);
    return owned ? failed | pack_owners(pk, l) : failed;
}

static int pack_header(msgpack_packer *pk, const struct weir_state_layout *layouts, uint32_t n,
                       const struct weir_schema *key)
{
    uint32_t n_key = key ? weir_schema_count(key) : 0;
    int failed = msgpack_pack_map(pk, 3);
    failed |= pack_number(pk, "version", WEIR__SNAPSHOT_VERSION);
    failed |= pack_text(pk, "key");
    failed |= msgpack_pack_array(pk, n_key);
    for (uint32_t i = 0; i < n_key; i++) {
        const weir_schema_field *f = weir_schema_field_at(key, i);
        failed |= msgpack_pack_map(pk, 2);
        failed |= pack_word(pk, "name", f->name);
        failed |= pack_word(pk, "type", weir_type_name((weir_type)f->type));
    }
    failed |= pack_text(pk, "states");
    failed |= msgpack_pack_array(pk, n);
    for (uint32_t i = 0; i < n; i++) failed |= pack_state(pk, &layouts[i]);
    return failed;
}

weir_status weir_snapshot_header(struct weir_snapshot *to, const struct weir_state_layout *layouts, uint32_t n,
                                 struct weir_error *error)
{
    msgpack_packer header;
    weir__pack_into(&header, &to->header);
    return pack_header(&header, layouts, n, NULL) ? no_memory(error) : WEIR_OK;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* The items of a list or the pairs of a map that have not expired: others are not cut (semantics A6). */
static size_t count_living(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    const struct weir_state_layout *l = &set->layouts[state];
    bool is_list = weir_layout_shape(l) == WEIR_SHAPE_LIST;
    size_t all = is_list ? set->ops->list_size(set, state, key, ns) : set->ops->map_size(set, state, key, ns), n = 0;
    weir_cursor at = {0};
    const void *k, *v;
    if (!l->is_timed) return all;
    for (size_t i = 0; is_list && i < all; i++)
        n += weir_layout_lives(l, set->ops->list_at(set, state, key, ns, i), set->now_ms);
    while (!is_list && set->ops->map_next(set, state, key, ns, &at, &k, &v)) n += weir_layout_lives(l, v, set->now_ms);
    return n;
}

static bool is_cut(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns, const void *value)
{
    const struct weir_state_layout *l = &set->layouts[state];
    if (!l->is_timed) return true;
    return weir_layout_shape(l) == WEIR_SHAPE_VALUE ? weir_layout_lives(l, value, set->now_ms)
                                                    : count_living(set, state, key, ns) > 0;
}

static bool pack_list(struct weir_key_bytes *to, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key,
                      int64_t ns)
{
    const struct weir_state_layout *l = &set->layouts[state];
    size_t n = set->ops->list_size(set, state, key, ns);
    bool ok = weir__pack_array(to, count_living(set, state, key, ns));
    for (size_t i = 0; ok && i < n; i++) {
        const void *item = set->ops->list_at(set, state, key, ns, i);
        if (weir_layout_lives(l, item, set->now_ms)) ok = weir__pack_struct(to, l->fields, l->n_fields, item);
    }
    return ok;
}

static bool pack_map(struct weir_key_bytes *to, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key,
                     int64_t ns)
{
    const struct weir_state_layout *l = &set->layouts[state];
    weir_cursor at = {0};
    const void *k, *v;
    bool ok = weir__pack_array(to, count_living(set, state, key, ns));
    while (ok && set->ops->map_next(set, state, key, ns, &at, &k, &v)) {
        if (weir_layout_lives(l, v, set->now_ms)) ok = weir__pack_pair(to, l, k, v);
    }
    return ok;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

struct cut {
    struct weir_snapshot *to;
    struct weir_state_set *set;
    const struct weir_schema *key;
    bool failed; /* no memory */
    int timer;
    uint32_t group;
};

static bool pack_entry_head(struct cut *c, int64_t state, int64_t ns, const struct weir_key_ref *key)
{
    c->to->n_entries++;
    return weir__pack_entry_head(&c->to->keyed, c->key, state, ns, key);
}

static bool pack_value(struct cut *c, uint32_t state, const struct weir_key_ref *key, int64_t ns, const void *value)
{
    const struct weir_state_layout *l = &c->set->layouts[state];
    switch (weir_layout_shape(l)) {
    case WEIR_SHAPE_VALUE: break;
    case WEIR_SHAPE_LIST: return pack_list(&c->to->keyed, c->set, state, key, ns);
    case WEIR_SHAPE_MAP: return pack_map(&c->to->keyed, c->set, state, key, ns);
    }
    return weir__pack_struct(&c->to->keyed, l->fields, l->n_fields, value);
}

static void cut_namespace(struct cut *c, uint32_t state, uint32_t group, int64_t ns)
{
    weir_cursor at = {0};
    struct weir_key_ref key;
    void *value;
    while (!c->failed && c->set->ops->next_key(c->set, state, group, ns, &at, &key, &value)) {
        if (!is_cut(c->set, state, &key, ns, value)) continue;
        c->failed = !pack_entry_head(c, state, ns, &key) || !pack_value(c, state, &key, ns, value);
    }
}

/* What is gone has nil in the place of its value; a whole namespace, in that of its key too. What has expired is gone. */
static weir_status cut_change(void *arg, const struct weir_state_change *change)
{
    struct cut *c = arg;
    struct weir_key_bytes *to = &c->to->keyed;
    bool ok, is_there = change->kind == WEIR_ENTRY_CHANGED &&
                        is_cut(c->set, change->state, &change->key, change->ns, change->value);
    if (change->kind == WEIR_NAMESPACE_GONE) {
        ok = weir__pack_namespace_head(to, c->group, change->state, change->ns) && weir__pack_nil(to);
        c->to->n_entries++;
    } else {
        ok = pack_entry_head(c, change->state, change->ns, &change->key);
    }
    if (is_there)
        ok = ok && pack_value(c, change->state, &change->key, change->ns, change->value);
    else
        ok = ok && weir__pack_nil(to);
    return ok ? WEIR_OK : WEIR_E_MEMORY;
}

static weir_status cut_timer(void *arg, const struct weir_due_timer *t)
{
    struct cut *c = arg;
    bool ok = pack_entry_head(c, c->timer, (int64_t)t->ns, &t->key) && weir__pack_integer(&c->to->keyed, t->at);
    return ok ? WEIR_OK : WEIR_E_MEMORY;
}

/* What a key group has in `keyed` from `before` on. */
static void end_group(struct weir_snapshot *to, uint32_t group, size_t before)
{
    if (to->keyed.n == before) return;
    WEIR_GROW(to->groups, to->groups_capacity, to->n_groups + 1);
    to->groups[to->n_groups++] =
        (struct weir_snapshot_group){.group = group, .offset = before, .length = to->keyed.n - before};
}

static void cut_group(struct cut *c, struct weir_timers_copy *timers, uint32_t group)
{
    size_t before = c->to->keyed.n;
    int64_t ns = 0;
    c->group = group;
    if (c->to->base) c->failed |= c->set->ops->each_change(c->set, group, cut_change, c) != WEIR_OK;
    for (uint32_t s = 0; c->set && !c->to->base && s < c->set->n_states; s++) {
        for (bool more = c->set->ops->next_namespace(c->set, s, group, true, 0, &ns); more && !c->failed;
             more = c->set->ops->next_namespace(c->set, s, group, false, ns, &ns))
            cut_namespace(c, s, group, ns);
    }
    c->timer = WEIR__EVENT_TIMER;
    if (timers && !c->failed) c->failed |= weir_timers_copy_each(timers, WEIR_EVENT_TIME, group, cut_timer, c) != WEIR_OK;
    c->timer = WEIR__PROCESSING_TIMER;
    if (timers && !c->failed)
        c->failed |= weir_timers_copy_each(timers, WEIR_PROCESSING_TIME, group, cut_timer, c) != WEIR_OK;
    if (!c->failed) end_group(c->to, group, before);
}

/* ---- cutting now, and reading later ------------------------------------------------------------------------------ */

struct weir_snapshot_pending {
    struct weir_state_image *image;  /* NULL: no state */
    struct weir_timers_copy *timers; /* NULL: none */
    const struct weir_schema *key;
    bool is_unwritten;
    uint32_t first_group, group, last_group; /* group: the next one to read; beyond the last: all are */
};

static void drop_pending(struct weir_snapshot *s)
{
    struct weir_snapshot_pending *p = s->pending;
    if (!p) return;
    if (p->image) weir_state_image_release(p->image);
    weir_timers_copy_destroy(p->timers);
    weir_free(p);
    s->pending = NULL;
}

/* False: it is to be cut at once. */
static bool cut_later(struct weir_snapshot *to, struct weir_state_set *set, struct weir_timers *timers,
                      const struct weir_schema *key, uint32_t first_group, uint32_t last_group)
{
    if (!to->later || (set && !set->ops->freeze)) return false;
    struct weir_snapshot_pending *p = weir_alloc(sizeof *p);
    *p = (struct weir_snapshot_pending){
        .key = key, .first_group = first_group, .group = first_group, .last_group = last_group};
    to->pending = p;
    if (set) p->image = set->ops->freeze(set, key);
    p->is_unwritten = p->image && p->image->ops->write;
    while (!to->in_steps && weir_snapshot_write(to)) {
    }
    if (timers) p->timers = weir_timers_copy(timers);
    if ((!set || p->image) && (!timers || p->timers)) return true;
    drop_pending(to);
    return false;
}

weir_status weir_snapshot_keyed(struct weir_snapshot *to, struct weir_state_set *set, struct weir_timers *timers,
                                const struct weir_schema *key, uint32_t first_group, uint32_t last_group,
                                struct weir_error *error)
{
    struct cut c = {.to = to, .set = set, .key = key};
    msgpack_packer header;
    weir__pack_into(&header, &to->header);
    c.failed = 0 != pack_header(&header, set ? set->layouts : NULL, set ? set->n_states : 0, key);
    if (set && set->ops->begin_cut && to->order.number) to->base = set->ops->begin_cut(set, &to->order);
    if (to->base < 0) c.failed = true;
    if (!c.failed && !to->base && cut_later(to, set, timers, key, first_group, last_group)) return WEIR_OK;
    struct weir_timers_copy *copy = timers && !c.failed ? weir_timers_copy(timers) : NULL;
    if (timers && !copy) c.failed = true;
    for (uint32_t group = first_group; !c.failed && group <= last_group; group++) cut_group(&c, copy, group);
    weir_timers_copy_destroy(copy);
    return c.failed ? no_memory(error) : WEIR_OK;
}

bool weir_snapshot_write(struct weir_snapshot *s)
{
    if (!weir_snapshot_is_unwritten(s)) return false;
    return s->pending->is_unwritten = weir_state_image_write(s->pending->image);
}

bool weir_snapshot_is_unwritten(const struct weir_snapshot *s)
{
    return s->pending && s->pending->is_unwritten;
}

bool weir_snapshot_is_pending(const struct weir_snapshot *s)
{
    return s->pending && s->pending->group <= s->pending->last_group;
}

void weir_snapshot_rewind(struct weir_snapshot *s)
{
    struct weir_snapshot_pending *p = s->pending;
    if (!p || !s->stays) return;
    if (p->image) weir_state_image_rewind(p->image);
    p->group = p->first_group;
    s->keyed.n = 0;
    s->n_groups = 0;
    s->n_entries = 0;
}

weir_status weir_snapshot_read(struct weir_snapshot *s, struct weir_error *error)
{
    struct weir_snapshot_pending *p = s->pending;
    struct cut c = {.to = s, .key = p->key, .timer = WEIR__EVENT_TIMER};
    size_t before = s->keyed.n;
    weir_status status = WEIR_OK;
    if (p->image) status = weir_state_image_read(p->image, p->group, &s->keyed, &s->n_entries, error);
    bool is_told = status != WEIR_OK;
    if (p->timers && status == WEIR_OK) status = weir_timers_copy_each(p->timers, WEIR_EVENT_TIME, p->group, cut_timer, &c);
    c.timer = WEIR__PROCESSING_TIMER;
    if (p->timers && status == WEIR_OK)
        status = weir_timers_copy_each(p->timers, WEIR_PROCESSING_TIME, p->group, cut_timer, &c);
    if (status == WEIR_OK) end_group(s, p->group, before);
    if ((status != WEIR_OK || p->group++ == p->last_group) && !s->stays) drop_pending(s);
    if (status == WEIR_OK || is_told) return status;
    return no_memory(error);
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

struct weir_snapshot_list *weir_snapshot_list(struct weir_snapshot *s, const char *name, enum weir_deal deal)
{
    WEIR_GROW(s->lists, s->lists_capacity, s->n_lists + 1);
    struct weir_snapshot_list *list = &s->lists[s->n_lists++];
    *list = (struct weir_snapshot_list){.name = weir_strdup(name), .deal = deal};
    return list;
}

weir_status weir_snapshot_add_bytes(struct weir_snapshot_list *list, const void *bytes, size_t n)
{
    msgpack_packer pk;
    weir__pack_into(&pk, &list->bytes);
    int failed = msgpack_pack_bin(&pk, n);
    failed |= msgpack_pack_bin_body(&pk, bytes, n);
    list->n++;
    return failed ? WEIR_E_MEMORY : WEIR_OK;
}

weir_status weir_snapshot_add_split(struct weir_snapshot_list *list, const struct weir_saved_split *split)
{
    msgpack_packer pk;
    weir__pack_into(&pk, &list->bytes);
    int failed = msgpack_pack_array(&pk, 4);
    failed |= msgpack_pack_uint64(&pk, split->id);
    failed |= msgpack_pack_str(&pk, split->description.n);
    failed |= msgpack_pack_str_body(&pk, split->description.p, split->description.n);
    failed |= split->done ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk);
    failed |= msgpack_pack_bin(&pk, split->position.n);
    failed |= msgpack_pack_bin_body(&pk, split->position.p, split->position.n);
    list->n++;
    return failed ? WEIR_E_MEMORY : WEIR_OK;
}

void weir_snapshot_finish(struct weir_snapshot *s)
{
    drop_pending(s);
    if (s->source) s->source->close(s->source);
    for (size_t i = 0; i < s->n_lists; i++) {
        weir_free(s->lists[i].name);
        weir_key_bytes_finish(&s->lists[i].bytes);
    }
    weir_free(s->lists);
    weir_free(s->groups);
    weir_key_bytes_finish(&s->header);
    weir_key_bytes_finish(&s->keyed);
    *s = (struct weir_snapshot){0};
}
