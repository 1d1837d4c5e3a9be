/* snapshot_internal.h - between the two halves of the codec: the words of a header. docs/formats/savepoint.md. */
#ifndef WEIR_STATE_SNAPSHOT_INTERNAL_H
#define WEIR_STATE_SNAPSHOT_INTERNAL_H

#define WEIR__SNAPSHOT_VERSION 1

/* The second element of an entry: the state's place in the header, or one of these. */
#define WEIR__EVENT_TIMER      (-1)
#define WEIR__PROCESSING_TIMER (-2)

#endif
