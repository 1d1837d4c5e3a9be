/* config.c - see the header. Coordinator's thread. */
#include "embed/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "loader/document.h"

/* The first of the usual places where there is a file; NULL: none. */
static char *usual_place(const struct weir_platform *platform)
{
    const char *named = getenv("WEIR_CONFIG"), *config_home = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (named && *named) return weir_strdup(named);
    char *places[] = {config_home && *config_home ? weir_format("%s/weir/weir.yaml", config_home)
                                                  : weir_format("%s/.config/weir/weir.yaml", home ? home : ""),
                      weir_strdup("/etc/weir/weir.yaml")};
    char *found = NULL;
    for (size_t i = 0; i < 2; i++) {
        struct weir_file_info info;
        struct weir_error ignored;
        if (!found && platform->info(platform->self, places[i], &info, &ignored) == WEIR_OK && info.is_regular)
            found = places[i];
        else
            weir_free(places[i]);
    }
    return found;
}

static void read_count(const struct weir_value *value, uint32_t *to, struct weir_problems *problems)
{
    struct weir_error error;
    int64_t n = 0;
    bool number = value->kind == WEIR_VALUE_SCALAR && weir_parse_i64(value->text, &n, &error) == WEIR_OK;
    if (number && n >= 1 && n <= 32768)
        *to = (uint32_t)n;
    else
        weir_problems_add(problems, &value->mark, NULL, "expected a whole number from 1 to 32768");
}

static void read_plugins(const struct weir_value *value, const char *base_dir, struct weir_config *config,
                         struct weir_problems *problems)
{
    if (value->kind != WEIR_VALUE_SEQUENCE) {
        weir_problems_add(problems, &value->mark, "write plugins: [directory, ...]", "expected a list of directories");
        return;
    }
    config->plugins = weir_alloc_array(value->n + 1, sizeof *config->plugins);
    for (size_t i = 0; i < value->n; i++) {
        if (value->items[i]->kind != WEIR_VALUE_SCALAR) {
            weir_problems_add(problems, &value->items[i]->mark, NULL, "expected a directory");
            continue;
        }
        config->plugins[config->n_plugins++] = weir_path_join(base_dir, value->items[i]->text);
    }
}

static void read_keys(const struct weir_value *root, const char *base_dir, struct weir_config *config,
                      struct weir_problems *problems)
{
    static const char *const keys[] = {"slots", "parallelism", "plugins"};
    if (root->kind == WEIR_VALUE_NULL) return;
    if (root->kind != WEIR_VALUE_MAPPING) {
        weir_problems_add(problems, &root->mark, NULL, "expected keys: slots, parallelism, plugins");
        return;
    }
    for (size_t i = 0; i < root->n; i++) {
        const struct weir_value *key = root->pairs[i].key, *value = root->pairs[i].value;
        if (strcmp(key->text, "slots") == 0)
            read_count(value, &config->slots, problems);
        else if (strcmp(key->text, "parallelism") == 0)
            read_count(value, &config->parallelism, problems);
        else if (strcmp(key->text, "plugins") == 0)
            read_plugins(value, base_dir, config, problems);
        else {
            const char *near = weir_nearest(key->text, keys, 3);
            char *help =
                near ? weir_format("did you mean '%s'?", near) : weir_strdup("the keys are slots, parallelism and plugins");
            weir_problems_add(problems, &key->mark, help, "unknown key '%s' in the configuration file", key->text);
            weir_free(help);
        }
    }
}

weir_status weir_config_read(const struct weir_platform *platform, const char *path, struct weir_config *config,
                             struct weir_error *error)
{
    *config = (struct weir_config){0};
    char *place = path ? weir_strdup(path) : usual_place(platform);
    if (!place) return WEIR_OK;
    struct weir_problems problems = {0};
    struct weir_document *document = weir_document_read(platform, place, NULL, 0, NULL, 0, &problems);
    if (document) read_keys(weir_document_root(document), weir_document_base_dir(document), config, &problems);
    weir_status s = WEIR_OK;
    if (problems.n > 0) {
        struct weir_text text = {0};
        weir_problems_print(&problems, &text);
        s = weir_error_set(error, WEIR_E_CONFIG, "%s", weir_text_get(&text));
        weir_text_finish(&text);
        weir_config_finish(config);
    }
    weir_problems_finish(&problems);
    weir_document_destroy(document);
    weir_free(place);
    return s;
}

void weir_config_finish(struct weir_config *config)
{
    for (size_t i = 0; i < config->n_plugins; i++) weir_free(config->plugins[i]);
    weir_free(config->plugins);
    *config = (struct weir_config){0};
}
