/* weir/storage.h - checkpoint storages: where the checkpoints of jobs are kept.
 *
 * A storage keeps checkpoints, each a set of objects under a name of its own: "chk-12" holds "_metadata" and
 * "counts-0.state". What the objects mean is the host's business, once for all storages: formats, checksums, which
 * checkpoint a job goes on from, how many stay, sweeping after a crash. The storage brings bytes to a safe place and back.
 *
 * Its one promise: a checkpoint is there with all of its objects, or it is not there. It comes with `publish`, and goes with
 * `remove`, at one moment each, and whatever dies in between: the process, the machine, the network. Where files can be
 * renamed, that is a name for a folder; in a store that cannot, an object that is written last and removed first.
 *
 * Names are of ASCII letters, digits, '.', '_' and '-', begin with none of '.' and '-', and are at most 240 bytes long;
 * those of objects may hold other bytes than '/' and NUL, too, as ids of nodes may. All strings and bytes are borrowed until
 * the call returns, in both directions.
 *
 * Threads: the calls of one instance come one at a time: while the job runs, from the thread that writes its checkpoints,
 * which is no slot: they may wait for a disk or a network. `open` and `close` are [coordinator]. Several instances may be
 * open for the same checkpoints, in other processes too; one of them writes, the others read and list.
 *
 * A call that fails returns a negative status and writes what is wrong, where and why, into the weir_io_error. What fails
 * while a checkpoint is written fails that checkpoint: the host abandons it, tells, and the job goes on; nothing is tried
 * again but with the next checkpoint. What fails while one is read stops whoever wanted to go on from it. A call that does
 * not return stops checkpoints, not the job; the host tells, and waits for it, so a network needs a time limit of its own.
 *
 * The weir_ctx of `open` has these services of weir/host.h: alloc, resize, release, log, info (of the job: attempt, job and
 * base_dir) and extension with "weir.io/1"; the others are NULL, as there are no records.
 */
#ifndef WEIR_STORAGE_H
#define WEIR_STORAGE_H

#include <weir/io.h>

/* The storage's own: a checkpoint that is being written. */
typedef struct weir_stored weir_stored;

/* What the host gives to be told of names. WEIR_OK: go on; anything else ends the call, which returns it. */
typedef weir_status weir_storage_visit(void *to, const char *checkpoint, bool published);
typedef weir_status weir_storage_object(void *to, const char *object, uint64_t size_bytes);

typedef struct weir_checkpoint_storage {
    uint32_t struct_size, flags;

    /* directory: that of the job's checkpoints on this machine, absolute or relative to the process; it need not be there.
     * A storage that keeps them elsewhere leaves it alone. The context and the directory's name are valid until close has
     * returned. Nothing of the storage need be there yet; what cannot be reached is a failure. */
    weir_status (*open)(void *self, weir_ctx *, const char *directory, weir_io_error *);
    void (*close)(void *self); /* the last call, also when open failed */

    /* ---- writing: begin, then objects one after the other, each created and finished or linked, then publish -------- */

    /* What an earlier begin left under this name goes; the name is not one that is published. One at a time. */
    weir_status (*begin)(void *self, const char *checkpoint, weir_stored **, weir_io_error *);
    weir_status (*create)(void *self, weir_stored *, const char *object, weir_io_error *);
    weir_status (*write)(void *self, weir_stored *, const void *bytes, size_t n, weir_io_error *); /* appends all */
    /* The bytes of the object are safe when this returns. */
    weir_status (*finish)(void *self, weir_stored *, weir_io_error *);
    /* An object of a published checkpoint becomes one of this, too, under a name of its own, without its bytes coming by;
     * it stays when the other checkpoint is removed. WEIR_MORE: there is no such thing here, for this object or at all; the
     * host then reads it and writes it anew. May be NULL: there is none. */
    weir_status (*link)(void *self, weir_stored *, const char *object, const char *from_checkpoint, const char *from_object,
                        weir_io_error *);
    /* When this returns WEIR_OK the checkpoint is there, and safe. When it fails, it is not there and never will be. The
     * weir_stored is gone either way. */
    weir_status (*publish)(void *self, weir_stored *, weir_io_error *);
    /* After a failure, in the middle of an object or between two: as much of it goes as can be removed now. The weir_stored
     * is gone. */
    void (*abandon)(void *self, weir_stored *);

    /* ---- reading ----------------------------------------------------------------------------------------------------- */

    /* Every published checkpoint, each once, in any order; names that are none do no harm. Also what is there of others,
     * half written or half removed, with `published` false, by a name that begins with the one it was begun under, and is
     * none of those: the host gives it to objects, read and remove. visit calls nothing of this storage. */
    weir_status (*list)(void *self, weir_storage_visit *visit, void *to, weir_io_error *);
    /* Every object of a checkpoint, each once, in any order, with its size. A checkpoint that is not there is a failure. */
    weir_status (*objects)(void *self, const char *checkpoint, weir_storage_object *visit, void *to, weir_io_error *);
    /* Up to n bytes from offset on; fewer only at the end of the object (*got 0: at or beyond it). */
    weir_status (*read)(void *self, const char *checkpoint, const char *object, uint64_t offset, void *to, size_t n,
                        size_t *got, weir_io_error *);
    /* Unpublishes it first, then removes it; what was half done before is finished. */
    weir_status (*remove)(void *self, const char *checkpoint, weir_io_error *);
} weir_checkpoint_storage;

#endif
