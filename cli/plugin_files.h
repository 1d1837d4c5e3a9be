/* cli/plugin_files.h - the plugin files that a job was started with: jobs/NAME/plugins.sha256, as sha256sum(1) writes it.
 *
 * A file that is another one by now may read the state of a checkpoint otherwise than it was written. That is said, not
 * refused: replacing a plugin by its next version is what people do.
 */
#ifndef WEIR_CLI_PLUGIN_FILES_H
#define WEIR_CLI_PLUGIN_FILES_H

#include "cli/home.h"
#include "embed/weir.h"

enum weir_plugin_file_change { WEIR_PLUGIN_FILE_SAME = 0, WEIR_PLUGIN_FILE_CHANGED, WEIR_PLUGIN_FILE_GONE };
struct weir_plugin_file {
    const char *path, *sha256;           /* as it was when the job was last started: 64 digits */
    enum weir_plugin_file_change change; /* since; GONE: it cannot be read any more */
};
/* In the order they were opened in. A job without a list, or with one that cannot be read, has none. */
typedef void weir_plugin_file_visit(void *arg, const struct weir_plugin_file *);
void weir_plugin_files_each(const struct weir_job_home *, weir_plugin_file_visit *, void *arg);
/* Calls `say` for each file that is no longer as it was when the job was last started, in words. */
typedef void weir_plugin_file_say(void *arg, const char *what);
void weir_plugin_files_compare(const struct weir_job_home *, weir_plugin_file_say *, void *arg);
/* Writes down those that this process has opened: after the job was started. */
WEIR_CHECKED weir_status weir_plugin_files_write(const struct weir_job_home *, struct weir_runtime *, struct weir_error *);

#endif
