/* embed/config.h - the configuration file: what this machine gives to all jobs.
 *
 *   slots: 4                 # at most this many slots per job; default: no limit
 *   parallelism: 2           # default parallelism of jobs that do not say
 *   plugins: [/opt/acme/weir]  # plugin directories; relative ones are relative to the file
 *
 * Where it is looked for, and what overrides what, is in docs/guide/running.md.
 */
#ifndef WEIR_EMBED_CONFIG_H
#define WEIR_EMBED_CONFIG_H

#include "base/platform.h"

struct weir_config {             /* zeroed is empty */
    uint32_t slots, parallelism; /* 0: not given */
    char **plugins;
    size_t n_plugins;
};
/* path NULL: the usual places; none there is fine. */
WEIR_CHECKED weir_status weir_config_read(const struct weir_platform *, const char *path, struct weir_config *,
                                          struct weir_error *);
void weir_config_finish(struct weir_config *);

#endif
