/* expr/zone_internal.h - the clocks of places: UTC, fixed offsets, and IANA zones from /usr/share/zoneinfo. Immutable. */
#ifndef WEIR_EXPR_ZONE_INTERNAL_H
#define WEIR_EXPR_ZONE_INTERNAL_H

#include "base/error.h"
#include "base/platform.h"

struct weir__zone;

/* "UTC", "Z", "+02:00", "Europe/Berlin". */
WEIR_CHECKED weir_status weir__zone_load(const struct weir_platform *, const char *name, struct weir__zone **,
                                         struct weir_error *);
void weir__zone_destroy(void *zone); /* NULL is fine */
/* From the bytes of a TZif file; for the tests too. */
WEIR_CHECKED weir_status weir__zone_parse(const uint8_t *bytes, size_t n, struct weir__zone **, struct weir_error *);

/* The last answer, since times that follow each other mostly lie in the same half year. Zeroed: none. */
struct weir__zone_span {
    int64_t from, until, offset; /* ms; until is exclusive */
};
/* What the clock of the zone (NULL: UTC) is ahead of UTC at the instant, in ms. */
int64_t weir__zone_offset(const struct weir__zone *, struct weir__zone_span *, int64_t utc_ms);
/* The instant at which the clock shows this; the first of two, and where the clock jumps over it as much after the jump as
 * it lies within. */
int64_t weir__zone_to_utc(const struct weir__zone *, struct weir__zone_span *, int64_t local_ms);

#endif
