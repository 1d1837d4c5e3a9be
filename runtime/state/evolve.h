/* evolve.h - a saved state of a header against the one that the operator has now: by the rules, or through the component
 * that keeps it.
 *
 * Floor 3. Any one thread. Between snapshot_read.c, which reads headers and entries, and evolve.c, which judges.
 */
#ifndef WEIR_STATE_EVOLVE_H
#define WEIR_STATE_EVOLVE_H

#include <msgpack.h>

#include "state/snapshot.h"

#define WEIR__DROPPED (-1)

struct weir__saved_field {
    char *name;
    weir_type type;
    int32_t member; /* of the layout's that it is read into by the rules; WEIR__DROPPED */
};
struct weir__saved_fields {
    struct weir__saved_field *all;
    uint32_t n;
};

/* Fields of an owner, as a struct that its migrate is given. */
struct weir__old_struct {
    weir_field *fields; /* names borrowed */
    uint32_t *places;   /* among the saved fields */
    uint32_t n, size;
};

/* An owner that migrates what was saved of it. */
struct weir__migrant {
    const struct weir_state_owner *owner;
    weir_migration told; /* but for the structs of an entry */
    struct weir__old_struct value, key;
    uint32_t *inputs;
};

struct weir__saved_state {
    struct weir_restored_state told;
    int32_t state;                        /* of the set; WEIR__DROPPED */
    bool gains_time;                      /* it expires now, and did not when it was saved */
    struct weir__saved_fields value, key; /* key: of maps */
    struct weir__migrant *migrants;
    uint32_t n_migrants;
    const struct weir_state_owner **newcomers; /* who create what was not saved of them */
    uint32_t n_newcomers;
};
void weir__saved_state_finish(struct weir__saved_state *);

/* Fills in all that follows from the layout: what members are read into, who migrates, what is told. `saved` is the state in
 * the header; value, key and kind are read. */
void weir__evolve(struct weir__saved_state *, const msgpack_object *saved, const struct weir_state_layout *);

/* Gives saved structs (packed arrays; key NULL: not a map) to those who migrate them. now, now_key: of the layout, with what
 * the rules have read in them. room: at least weir__migration_room(). */
size_t weir__migration_room(const struct weir__saved_state *);
WEIR_CHECKED weir_status weir__migrate(const struct weir__saved_state *, weir_str value, const weir_str *key, void *now,
                                       void *now_key, void *room, struct weir_error *);

/* Lets the parts of which nothing was saved begin, in a struct of the set that has everything else. */
WEIR_CHECKED weir_status weir__create_newcomers(const struct weir__saved_state *, void *value, struct weir_error *);

struct weir_msgpack;
/* A value of the type; strings are borrowed. False: it is not one (restore_entry.c). */
bool weir__take_member(struct weir_msgpack *, weir_type, void *to);
const msgpack_object *weir__saved_get(const msgpack_object *map, const char *name); /* NULL: not there (snapshot_read.c) */

#endif
