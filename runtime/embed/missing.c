/* missing.c - what somebody may have meant who named a checkpoint or savepoint that is none: those in the directory that was
 * named, or in the one above it. Any one thread; only after a failure. */
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/text.h"
#include "embed/embed_internal.h"

#define MOST_NAMED 5

static bool is_there(const struct weir_platform *p, const char *path)
{
    struct weir_error ignored;
    int64_t bytes;
    return p->exists(p->self, path, &bytes, &ignored) == WEIR_OK && bytes >= 0;
}

/* The newest of each folder come last. */
static void name_them(struct weir_text *to, const char *directory, const struct weir_saved_looks *looks)
{
    size_t n = looks->n < MOST_NAMED ? looks->n : MOST_NAMED;
    weir_text_add(to, looks->n == 0 ? "\n  in %s there is none" : "\n  in %s there %s:", directory,
                  looks->n == 1 ? "is" : "are");
    for (size_t i = looks->n - n; i < looks->n; i++)
        weir_text_add(to, "%s %s", i > looks->n - n ? "," : "", looks->all[i].path);
    if (looks->n > n) weir_text_add(to, ", and %zu more: weir savepoint ls %s", looks->n - n, directory);
}

void weir__tell_what_is_there(struct weir_storages *storages, const char *path, struct weir_error *error)
{
    const struct weir_saved_opener opener = weir_storages_opener(storages);
    struct weir_saved_looks looks = {0};
    struct weir_error ignored, why = *error;
    struct weir_text text = {0};
    if (weir_storages_is_address(path)) return;
    char *clean = weir_address_clean(path), *metadata = weir_path_join(clean, "_metadata"),
         *above = weir_path_dirname(clean);
    bool is_one = is_there(storages->platform, metadata), exists = is_there(storages->platform, clean);
    const char *directory = exists ? clean : above;
    if (!is_one && !exists && strpbrk(clean, "*?["))
        weir_text_add(&text, "\n  no path matches it: a shell leaves a pattern as it is then");
    if (!is_one && !is_there(storages->platform, directory))
        weir_text_add(&text, "\n  there is no directory %s either", directory);
    else if (!is_one && weir_saved_find_all(&opener, directory, &looks, &ignored) == WEIR_OK)
        name_them(&text, directory, &looks);
    if (!is_one) weir_error_set(error, why.status, "%s%s", why.text, weir_text_get(&text));
    weir_saved_looks_finish(&looks);
    weir_text_finish(&text);
    weir_free(above);
    weir_free(metadata);
    weir_free(clean);
}
