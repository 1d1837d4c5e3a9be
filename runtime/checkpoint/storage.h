/* checkpoint/storage.h - the host's end of a checkpoint storage (weir/storage.h): an open one, and its calls with errors as
 * the runtime has them.
 *
 * Floor 4. One thread at a time; calls wait for disks and networks, so none is made on a slot. The address of a checkpoint
 * is what people and the other folders call it by: the path of its folder where the storage keeps files, else
 * "NAME:/chk-12", NAME being the storage's component.
 */
#ifndef WEIR_CHECKPOINT_STORAGE_H
#define WEIR_CHECKPOINT_STORAGE_H

#include <weir/storage.h>

#include "base/platform.h"
#include "base/running.h"

struct weir_storage;
struct weir_storage_calls; /* storage_call.h */

struct weir_storage_options {
    const weir_checkpoint_storage *vtable; /* outlives it, as all that is pointed to but the texts */
    void *self;
    struct weir_running_component component; /* for messages; component: its name in manifests */
    const struct weir_platform *platform;
    const char *directory, *job, *base_dir; /* job, base_dir: may be NULL */
    uint32_t attempt;
    bool keeps_files;                 /* WEIR_STORES_FILES */
    struct weir_storage_calls *calls; /* where it says what it is asked, and which limits what is; NULL: nobody watches */
};
/* Opens it. On failure *to is NULL, and the instance was closed. */
WEIR_CHECKED weir_status weir_storage_create(const struct weir_storage_options *, struct weir_storage **to,
                                             struct weir_error *);
void weir_storage_destroy(struct weir_storage *); /* closes the instance, which its owner then frees; NULL is fine */

/* The limit of its calls has passed: what is asked now fails, with this error. NULL is fine. */
bool weir_storage_is_late(const struct weir_storage *, struct weir_error *);
bool weir_storage_keeps_files(const struct weir_storage *);
const char *weir_storage_place(const struct weir_storage *);                     /* what addresses begin with */
char *weir_storage_address(const struct weir_storage *, const char *checkpoint); /* the caller frees */
/* An address, or a path, as others would write it: without "./" and a slash at its end. The caller frees. */
char *weir_address_clean(const char *address);

/* The calls of weir/storage.h. link: WEIR_MORE: write it anew. */
WEIR_CHECKED weir_status weir_storage_begin(struct weir_storage *, const char *checkpoint, weir_stored **,
                                            struct weir_error *);
WEIR_CHECKED weir_status weir_storage_add(struct weir_storage *, weir_stored *, const char *object, struct weir_error *);
WEIR_CHECKED weir_status weir_storage_write(struct weir_storage *, weir_stored *, const void *bytes, size_t n,
                                            struct weir_error *);
WEIR_CHECKED weir_status weir_storage_finish(struct weir_storage *, weir_stored *, struct weir_error *);
WEIR_CHECKED weir_status weir_storage_link(struct weir_storage *, weir_stored *, const char *object,
                                           const char *from_checkpoint, const char *from_object, struct weir_error *);
WEIR_CHECKED weir_status weir_storage_publish(struct weir_storage *, weir_stored *, struct weir_error *);
void weir_storage_abandon(struct weir_storage *, weir_stored *);
WEIR_CHECKED weir_status weir_storage_list(struct weir_storage *, weir_storage_visit *, void *to, struct weir_error *);
WEIR_CHECKED weir_status weir_storage_objects(struct weir_storage *, const char *checkpoint, weir_storage_object *, void *to,
                                              struct weir_error *);
WEIR_CHECKED weir_status weir_storage_read(struct weir_storage *, const char *checkpoint, const char *object,
                                           uint64_t offset, void *to, size_t n, size_t *got, struct weir_error *);
WEIR_CHECKED weir_status weir_storage_remove(struct weir_storage *, const char *checkpoint, struct weir_error *);

#endif
