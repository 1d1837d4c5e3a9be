/* plugin_files.c - see the header. Main thread. The digests are Nettle's. */
#include "cli/plugin_files.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "base/text.h"

#define FILE_NAME "plugins.sha256"
enum { MOST_LIST_BYTES = 16 << 20, DIGITS = 2 * SHA256_DIGEST_SIZE };

/* False: the file cannot be read. */
static bool digest_of(const char *path, char digits[DIGITS + 1])
{
    struct sha256_ctx sha;
    uint8_t bytes[16384];
    FILE *file = fopen(path, "re");
    if (!file) return false;
    sha256_init(&sha);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, file)) > 0;) sha256_update(&sha, n, bytes);
    bool whole = !ferror(file);
    fclose(file);
    sha256_digest(&sha, SHA256_DIGEST_SIZE, bytes);
    for (int i = 0; i < SHA256_DIGEST_SIZE; i++) snprintf(digits + (size_t)i * 2, 3, "%02x", bytes[i]);
    return whole;
}

/* "" when there is none. The caller frees. */
static char *read_list(const struct weir_job_home *home)
{
    const struct weir_platform *os = weir_platform_os();
    struct weir_error ignored;
    char *path = weir_job_home_path(home, FILE_NAME), *text;
    size_t n;
    weir_status s = weir_read_file(os, path, MOST_LIST_BYTES, &text, &n, &ignored);
    weir_free(path);
    return s == WEIR_OK ? text : weir_strdup("");
}

/* line: 64 digits, two spaces, a path. */
static void look_at(char *line, weir_plugin_file_visit *visit, void *arg)
{
    char now[DIGITS + 1];
    if (strlen(line) < DIGITS + 3) return;
    struct weir_plugin_file file = {.path = line + DIGITS + 2, .sha256 = line};
    line[DIGITS] = '\0';
    if (!digest_of(file.path, now))
        file.change = WEIR_PLUGIN_FILE_GONE;
    else if (strcmp(now, file.sha256) != 0)
        file.change = WEIR_PLUGIN_FILE_CHANGED;
    visit(arg, &file);
}

void weir_plugin_files_each(const struct weir_job_home *home, weir_plugin_file_visit *visit, void *arg)
{
    char *text = read_list(home);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        look_at(line, visit, arg);
    }
    weir_free(text);
}

struct words {
    weir_plugin_file_say *say;
    void *arg;
};

static void put_in_words(void *arg, const struct weir_plugin_file *file)
{
    const struct words *w = arg;
    if (file->change == WEIR_PLUGIN_FILE_SAME) return;
    char *what =
        weir_format(file->change == WEIR_PLUGIN_FILE_GONE
                        ? "the plugin file %s, which the job was last started with, cannot be read any more"
                        : "the plugin file %s is not the one that the job was last started with; if its states have "
                          "changed, what was saved may not fit",
                    file->path);
    w->say(w->arg, what);
    weir_free(what);
}

void weir_plugin_files_compare(const struct weir_job_home *home, weir_plugin_file_say *say, void *arg)
{
    struct words words = {say, arg};
    weir_plugin_files_each(home, put_in_words, &words);
}

static void add(void *arg, const struct weir_opened_plugin *p)
{
    char digits[DIGITS + 1];
    if (!strchr(p->path, '\n') && digest_of(p->path, digits)) weir_text_add(arg, "%s  %s\n", digits, p->path);
}

weir_status weir_plugin_files_write(const struct weir_job_home *home, struct weir_runtime *runtime, struct weir_error *error)
{
    const struct weir_platform *os = weir_platform_os();
    struct weir_text text = {0};
    char *path = weir_job_home_path(home, FILE_NAME), *before = read_list(home);
    weir_runtime_opened(runtime, add, &text);
    weir_status s = WEIR_OK;
    if (strcmp(before, weir_text_get(&text)) != 0) s = weir_write_file(os, path, weir_text_get(&text), text.n, error);
    weir_text_finish(&text);
    weir_free(before);
    weir_free(path);
    return s;
}
