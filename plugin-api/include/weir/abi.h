/* weir/abi.h - the version, the status codes and the value types of the plugin ABI.
 *
 * Floor 0: libc only; compiles as C11, C17 and C++17. Everything a plugin and a host agree on is in the headers of this
 * folder; a plugin imports nothing from its host by symbol.
 *
 * Versions. The major version is part of the entry symbol's name (weir_plugin_v1). Within a major, structs only grow at
 * their end and the minor counts the growth. A plugin runs in hosts of its major whose minor is the one it needs or later.
 * What was built for 0.9, the last step before 1.0, is refused by its note: "rebuild it".
 */
#ifndef WEIR_ABI_H
#define WEIR_ABI_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_ABI_MAJOR 1
#define WEIR_ABI_NEWEST 0 /* the newest minor that these headers describe */
#ifndef WEIR_ABI_MINOR
#define WEIR_ABI_MINOR 0 /* the oldest host minor this plugin needs; raise it to see newer bands */
#endif

#ifdef __cplusplus
#define WEIR_EXTERN_C extern "C"
#else
#define WEIR_EXTERN_C
#endif
#define WEIR_EXPORT WEIR_EXTERN_C __attribute__((visibility("default")))

/* True when the struct that p points to was built by someone who knew member m. Every struct passed by pointer starts
 * with its own size, so that either side can be older than the other. */
#define WEIR_HAS(T, p, m) ((p)->struct_size >= offsetof(T, m) + sizeof(((T *)0)->m))

/* What a callback or a host service returns. Negative: it failed, and fail() was called with a message. */
typedef enum weir_status {
    WEIR_OK = 0,
    WEIR_MORE = 1,       /* not finished: call me again with the same argument, with nothing in between */
    WEIR_E_DATA = -1,    /* a record is wrong */
    WEIR_E_CONFIG = -2,  /* a manifest, an option or a command line is wrong */
    WEIR_E_IO = -3,      /* the machine said no: disk, network */
    WEIR_E_MEMORY = -4,  /* no memory for something sized by input */
    WEIR_E_PLUGIN = -5,  /* a plugin file cannot be used, or a component broke its contract */
    WEIR_E_BUG = -6,     /* an invariant does not hold */
    WEIR_E_CANCELLED = -7 /* stopped from outside */
} weir_status;

/* What one step of work came to. "Nothing to do yet" and "output full" are not errors. */
typedef enum weir_progress {
    WEIR_NONE = 0, /* nothing to do now; a wake-up or new input will follow */
    WEIR_MADE = 1, /* something was done; call again */
    WEIR_DONE = 2, /* nothing will ever follow */
    WEIR_FAILED = 3 /* fail() was called */
} weir_progress;

/* Value types. The numbers are stored in snapshots: never renumber. */
typedef enum weir_type {
    WEIR_BOOL = 1,      /* Arrow "b": bit-packed */
    WEIR_I32 = 2,       /* Arrow "i" */
    WEIR_I64 = 3,       /* Arrow "l" */
    WEIR_F32 = 4,       /* Arrow "f" */
    WEIR_F64 = 5,       /* Arrow "g" */
    WEIR_TIMESTAMP = 6, /* Arrow "tsm:UTC": int64 milliseconds since the epoch */
    WEIR_STRING = 7,    /* Arrow "u": UTF-8, int32 offsets */
    WEIR_BYTES = 8,     /* Arrow "z": int32 offsets */
    WEIR_ANY = 9        /* Arrow "z" with metadata: one msgpack value per row, int32 offsets */
} weir_type;

/* Bytes that belong to somebody else; not NUL-terminated. For strings: valid UTF-8. {NULL, 0} is the empty string. */
typedef struct weir_str {
    const char *p;
    size_t n;
} weir_str;

#define WEIR_NO_TIME INT64_MIN /* the event time of a row that has none yet */
#define WEIR_LEN(a) (sizeof(a) / sizeof((a)[0]))

static_assert(sizeof(weir_status) == 4 && sizeof(weir_type) == 4, "enums of the ABI are four bytes wide");

#endif
