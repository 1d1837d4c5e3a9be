/* A folder of plugin files to play with: copies of the test plugins, patched, and what the loader says to them. */
#ifndef PLUGIN_FIXTURE_H
#define PLUGIN_FIXTURE_H

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/suite.h"
#include "loader/plugin_file.h"
#include "loader/registry.h"

#define GOOD          WEIR_BUILD_DIR "/tests/plugins/good/good.so"
#define GOOD_MANIFEST WEIR_BUILD_DIR "/tests/plugins/good/good.weir.yaml"
#define HOSTILE(name) WEIR_BUILD_DIR "/tests/plugins/hostile/" name ".so"
#define HELPER        WEIR_BUILD_DIR "/bin/weir"

struct bytes {
    char *p; /* of malloc */
    size_t n;
};

__attribute__((unused)) static struct bytes load(const char *path)
{
    struct bytes b = {NULL, 0};
    FILE *f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fseek(f, 0, SEEK_END);
    b.n = (size_t)ftell(f);
    rewind(f);
    b.p = malloc(b.n + 1);
    CU_ASSERT_EQUAL(fread(b.p, 1, b.n, f), b.n);
    b.p[b.n] = 0;
    fclose(f);
    return b;
}

__attribute__((unused)) static void save(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(p, 1, n, f), n);
    fclose(f);
    chmod(path, 0644);
}

struct folder {
    char path[64];
};

__attribute__((unused)) static void folder_init(struct folder *f)
{
    memset(f, 0, sizeof *f);
    strcpy(f->path, "/tmp/weir-loader-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f->path));
}

__attribute__((unused)) static void folder_finish(struct folder *f)
{
    weir_test_remove(f->path);
}

__attribute__((unused)) static const char *in_folder(struct folder *f, const char *name)
{
    static char paths[16][128]; /* given out in turn */
    static unsigned next;
    char *to = paths[next++ % 16];
    snprintf(to, sizeof paths[0], "%s/%s", f->path, name);
    return to;
}

__attribute__((unused)) static const char *copy_into(struct folder *f, const char *from, const char *name)
{
    struct bytes b = load(from);
    const char *to = in_folder(f, name);
    save(to, b.p, b.n);
    free(b.p);
    return to;
}

/* What the check of the file says; "" when it is accepted. */
__attribute__((unused)) static const char *refusal(const char *path)
{
    static struct weir_error error;
    struct weir_plugin_file file;
    error.text[0] = 0;
    if (weir_plugin_file_check(weir_platform_os(), path, NULL, &file, &error) == WEIR_OK) {
        weir_plugin_file_finish(&file);
        return "";
    }
    CU_ASSERT_EQUAL(error.status, WEIR_E_PLUGIN);
    return error.text;
}

/* Sanitizers would catch a crash and end the helper with an exit code of their own. */
__attribute__((unused)) static void let_helpers_crash(void)
{
    setenv("ASAN_OPTIONS", "handle_segv=0:handle_abort=0", 1);
    setenv("TSAN_OPTIONS", "handle_segv=0:handle_abort=0", 1);
}

__attribute__((unused)) static struct weir_registry *registry_of(const char *directory, const char *helper,
                                                                 int64_t timeout_ms)
{
    struct weir_error error;
    struct weir_registry *r = NULL;
    const char *directories[] = {directory, NULL};
    struct weir_registry_options options = {
        .platform = weir_platform_os(), .directories = directories, .helper = helper, .probe_timeout_ms = timeout_ms};
    CU_ASSERT_EQUAL_FATAL(weir_registry_create(&options, &r, &error), WEIR_OK);
    return r;
}

#endif
