/* The registry: what it finds, believes, refuses and opens. */
#include "base/alloc.h"
#include "plugin_fixture.h"

#define GOOD_FOLDER WEIR_BUILD_DIR "/tests/plugins/good"

static struct folder folder;

/* A copy of the good plugin with its manifest, in which `from` is replaced by `to` (the same length, when in the .so). */
static void put_plugin(const char *name, const char *so_from, const char *so_to, const char *yaml_from, const char *yaml_to)
{
    struct bytes so = load(GOOD), yaml = load(GOOD_MANIFEST);
    char file[64];
    struct weir_text t = {0};
    for (size_t i = 0; so_from && i + strlen(so_from) <= so.n; i++) {
        if (memcmp(so.p + i, so_from, strlen(so_from)) == 0) memcpy(so.p + i, so_to, strlen(so_to));
    }
    char *at = yaml_from ? strstr(yaml.p, yaml_from) : NULL;
    if (at) weir_text_add(&t, "%.*s%s%s", (int)(at - yaml.p), yaml.p, yaml_to, at + strlen(yaml_from));
    if (!at) weir_text_add(&t, "%s", yaml.p);
    snprintf(file, sizeof file, "%s.so", name);
    save(in_folder(&folder, file), so.p, so.n);
    snprintf(file, sizeof file, "%s.weir.yaml", name);
    save(in_folder(&folder, file), weir_text_get(&t), t.n);
    weir_text_finish(&t);
    free(so.p);
    free(yaml.p);
}

static const char *only_refusal(const struct weir_registry *r)
{
    const char *const *messages;
    return weir_registry_refused(r, &messages) == 1 ? messages[0] : "(not one refusal)";
}

static void finds_components_by_name_and_kind(void)
{
    struct weir_error error;
    struct weir_registry *r = registry_of(GOOD_FOLDER, NULL, 0);
    const struct weir_plugin_info *const *plugins;
    CU_ASSERT_EQUAL_FATAL(weir_registry_plugins(r, &plugins), 1);
    CU_ASSERT_STRING_EQUAL(plugins[0]->id, "test.good");
    const struct weir_component_info *c = weir_registry_find(r, WEIR_OPERATOR, "everything", &error);
    CU_ASSERT_PTR_EQUAL(c, &plugins[0]->components[0]);
    CU_ASSERT_PTR_EQUAL(weir_registry_find(r, WEIR_OPERATOR, "test.good/everything", &error), c);
    CU_ASSERT_PTR_NULL(weir_registry_find(r, WEIR_OPERATOR, "test.bad/everything", &error));
    CU_ASSERT_PTR_NULL(weir_registry_find(r, WEIR_OPERATOR, "test.goo/everything", &error));
    weir_registry_destroy(r);
}

static void says_what_is_near_or_of_another_kind(void)
{
    struct weir_error error;
    struct weir_registry *r = registry_of(GOOD_FOLDER, NULL, 0);
    CU_ASSERT_PTR_NULL(weir_registry_find(r, WEIR_OPERATOR, "everythin", &error));
    CU_ASSERT_STRING_EQUAL(error.text, "no operator 'everythin'; did you mean 'everything'?");
    CU_ASSERT_PTR_NULL(weir_registry_find(r, WEIR_SINK, "codec", &error));
    CU_ASSERT_STRING_EQUAL(error.text, "no sink 'codec'; 'codec' of test.good is a component of kind decoder");
    weir_registry_destroy(r);
}

static void two_plugins_with_one_name_need_the_plugins_id(void)
{
    struct weir_error error;
    folder_init(&folder);
    put_plugin("a", NULL, NULL, NULL, NULL);
    put_plugin("b", "test.good", "test.next", "test.good", "test.next");
    struct weir_registry *r = registry_of(folder.path, NULL, 0);
    const struct weir_plugin_info *const *plugins;
    CU_ASSERT_EQUAL_FATAL(weir_registry_plugins(r, &plugins), 2);
    CU_ASSERT_PTR_NULL(weir_registry_find(r, WEIR_DECODER, "codec", &error));
    CU_ASSERT_STRING_EQUAL(
        error.text, "decoder 'codec' is in plugins test.good and test.next; write test.good/codec or test.next/codec");
    const struct weir_component_info *c = weir_registry_find(r, WEIR_DECODER, "test.next/codec", &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->plugin->id, "test.next");
    weir_registry_destroy(r);
    folder_finish(&folder);
}

static void the_first_directory_wins(void)
{
    struct weir_error error;
    struct weir_registry *r;
    folder_init(&folder);
    put_plugin("a", NULL, NULL, NULL, NULL);
    const char *directories[] = {GOOD_FOLDER, folder.path, NULL};
    struct weir_registry_options options = {.platform = weir_platform_os(), .directories = directories};
    const struct weir_plugin_info *const *plugins;
    CU_ASSERT_EQUAL_FATAL(weir_registry_create(&options, &r, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_registry_plugins(r, &plugins), 1); /* the same build twice is one plugin */
    CU_ASSERT_STRING_EQUAL(plugins[0]->path, GOOD);
    const char *const *messages;
    CU_ASSERT_EQUAL(weir_registry_refused(r, &messages), 0);
    weir_registry_destroy(r);
    folder_finish(&folder);
}

static void another_build_of_a_known_id_is_refused(void)
{
    struct weir_error error;
    folder_init(&folder);
    const struct weir_plugin_info *info;
    struct bytes so = load(GOOD), yaml = load(GOOD_MANIFEST);
    char *id = strstr(yaml.p, "build_id: \"") + strlen("build_id: \"");
    for (size_t i = 0; i + 20 <= so.n; i++) { /* the build-id's bytes, wherever they are: its first one changes */
        unsigned first;
        unsigned second;
        sscanf(id, "%2x%2x", &first, &second);
        if ((unsigned char)so.p[i] == first && (unsigned char)so.p[i + 1] == second) so.p[i] = (char)(first ^ 1);
    }
    const char *path = in_folder(&folder, "later.so");
    save(path, so.p, so.n);
    struct weir_registry *r = registry_of(GOOD_FOLDER, HELPER, 0);
    CU_ASSERT_EQUAL(weir_registry_add(r, path, &info, &error), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(error.text, "later.so: expected a plugin id of its own, found 'test.good', which " GOOD
                                     " has and which is searched first");
    WEIR_ASSERT_CONTAINS(error.text, "remove one of the files or give one another id");
    weir_registry_destroy(r);
    free(so.p);
    free(yaml.p);
    folder_finish(&folder);
}

static void adds_files_by_path_and_by_name(void)
{
    struct weir_error error;
    const struct weir_plugin_info *info, *again;
    struct weir_registry *r = registry_of(GOOD_FOLDER, NULL, 0);
    CU_ASSERT_EQUAL_FATAL(weir_registry_add(r, GOOD, &info, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_registry_add(r, "good", &again, &error), WEIR_OK);
    CU_ASSERT_PTR_EQUAL(info, again);
    CU_ASSERT_EQUAL(weir_registry_add(r, "good.so", &again, &error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_registry_add(r, "absent", &again, &error), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(error.text, "plugin 'absent': expected absent.so in one of the plugin directories (" GOOD_FOLDER
                                     "), found none; name its directory with --plugins");
    weir_registry_destroy(r);
}

/* The words: the current directory is never searched for a name. */
static void a_name_is_not_looked_for_in_the_current_directory(void)
{
    struct weir_error error;
    const struct weir_plugin_info *info;
    char before[4096];
    struct weir_registry *r = registry_of("/", NULL, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(before, sizeof before));
    CU_ASSERT_EQUAL(chdir(GOOD_FOLDER), 0);
    CU_ASSERT_EQUAL(weir_registry_add(r, "good.so", &info, &error), WEIR_E_PLUGIN);
    CU_ASSERT_EQUAL(weir_registry_add(r, "./good.so", &info, &error), WEIR_OK);
    CU_ASSERT_EQUAL(chdir(before), 0);
    weir_registry_destroy(r);
}

static void a_manifest_of_another_build_is_stale(void)
{
    struct weir_error error;
    folder_init(&folder);
    struct bytes yaml = load(GOOD_MANIFEST);
    char id[16] = {0};
    memcpy(id, strstr(yaml.p, "build_id: \"") + strlen("build_id: \""), 8);
    put_plugin("a", NULL, NULL, id, "00000000");
    struct weir_registry *r = registry_of(folder.path, HELPER, 0);
    const char *text = only_refusal(r);
    WEIR_ASSERT_CONTAINS(text, "a.weir.yaml: stale manifest: expected the build-id of ");
    WEIR_ASSERT_CONTAINS(text, "found 00000000");
    WEIR_ASSERT_CONTAINS(text, "run `weir inspect --manifest --write ");
    CU_ASSERT_PTR_NULL(weir_registry_find(r, WEIR_DECODER, "codec", &error)); /* the job that wants it is told */
    WEIR_ASSERT_CONTAINS(error.text, "no decoder 'codec'; it is in a file that was refused: ");
    WEIR_ASSERT_CONTAINS(error.text, "stale manifest");
    CU_ASSERT_PTR_NULL(weir_registry_find(r, WEIR_SINK, "kafka", &error));
    WEIR_ASSERT_CONTAINS(error.text, "no sink 'kafka'; it may be in one of 1 plugin files that were refused:\n  ");
    weir_registry_destroy(r);
    free(yaml.p);
    folder_finish(&folder);
}

static void a_manifest_that_others_can_write_is_refused(void)
{
    folder_init(&folder);
    put_plugin("a", NULL, NULL, NULL, NULL);
    chmod(in_folder(&folder, "a.weir.yaml"), 0666);
    struct weir_registry *r = registry_of(folder.path, NULL, 0);
    WEIR_ASSERT_CONTAINS(only_refusal(r), "a.weir.yaml: expected a file that only its owner can write, found mode 666");
    weir_registry_destroy(r);
    folder_finish(&folder);
}

static void a_file_without_manifest_is_described_by_the_helper(void)
{
    struct weir_error error;
    folder_init(&folder);
    copy_into(&folder, GOOD, "a.so");
    struct weir_registry *r = registry_of(folder.path, HELPER, 0);
    const struct weir_component_info *c = weir_registry_find(r, WEIR_OPERATOR, "seen", &error);
    CU_ASSERT_PTR_NOT_NULL(c);
    CU_ASSERT(c && c->has_timers);
    weir_registry_destroy(r);

    r = registry_of(folder.path, NULL, 0);
    WEIR_ASSERT_CONTAINS(only_refusal(r), "a.so: expected its manifest ");
    WEIR_ASSERT_CONTAINS(only_refusal(r), "found none; run `weir inspect --manifest --write ");
    weir_registry_destroy(r);

    r = registry_of(folder.path, "/no/such/weir", 0);
    WEIR_ASSERT_CONTAINS(only_refusal(r),
                         "a.so: cannot be looked at: the helper /no/such/weir: cannot be run: No such file or directory");
    weir_registry_destroy(r);
    folder_finish(&folder);
}

static void a_directory_that_is_not_there_is_told_with_the_missing_component(void)
{
    struct weir_error error;
    struct weir_registry *r = registry_of("/no/such/folder", NULL, 0);
    CU_ASSERT_PTR_NULL(weir_registry_find(r, WEIR_SINK, "print", &error));
    WEIR_ASSERT_CONTAINS(error.text, "no sink 'print'; it may be in one of 1 plugin files that were refused:\n  plugin "
                                     "directory /no/such/folder cannot be searched: ");
    weir_registry_destroy(r);
}

static void opens_a_file_once(void)
{
    struct weir_error error;
    const weir_component *first, *second, *again;
    struct weir_registry *r = registry_of(GOOD_FOLDER, NULL, 0);
    const struct weir_component_info *c = weir_registry_find(r, WEIR_OPERATOR, "seen", &error);
    CU_ASSERT_EQUAL_FATAL(weir_registry_open(r, c, &first, &error), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(first->id, "seen");
    CU_ASSERT_EQUAL(weir_registry_open(r, c - 1, &second, &error), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(second->id, "everything");
    weir_registry_destroy(r);
    size_t blocks = weir_allocated_blocks();
    r = registry_of(GOOD_FOLDER, NULL, 0); /* another registry in the same process */
    CU_ASSERT_EQUAL(weir_registry_open(r, weir_registry_find(r, WEIR_OPERATOR, "seen", &error), &again, &error), WEIR_OK);
    CU_ASSERT_PTR_EQUAL(first, again);
    weir_registry_destroy(r);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void a_manifest_that_lies_is_found_out_before_anything_is_stored(void)
{
    static const struct lie {
        const char *name, *from, *to, *said;
    } lies[] = {
        {"size", "instance_size: ", "instance_size: 9", "what its manifest says (\"instance_size: 9"},
        {"offset", "offset: 0\n", "offset: 1\n", "what its manifest says (\"offset: 1\")"},
        {"filter", "    sides:", "    filter: false\n    license: x\n    sides:", NULL}, /* keys nobody reads are no lie */
        {"doc", "\"a format\"", "\"a trap\"", "what its manifest says (\"doc: \"a trap\"\")"},
        {"flags", "    flags: [one_to_one]\n", "", "found another declaration in the file (\"flags: [one_to_one]\")"},
    };
    folder_init(&folder);
    for (size_t i = 0; i < WEIR_LEN(lies); i++) {
        struct weir_error error = {0};
        const weir_component *live = NULL;
        put_plugin(lies[i].name, NULL, NULL, lies[i].from, lies[i].to);
        const struct weir_plugin_info *info;
        char path[128];
        struct weir_registry *r = registry_of("/", NULL, 0);
        snprintf(path, sizeof path, "%s/%s.so", folder.path, lies[i].name);
        CU_ASSERT_EQUAL_FATAL(weir_registry_add(r, path, &info, &error), WEIR_OK);
        weir_status s = weir_registry_open(r, &info->components[0], &live, &error);
        CU_ASSERT_EQUAL(s, lies[i].said ? WEIR_E_PLUGIN : WEIR_OK);
        if (lies[i].said) {
            CU_ASSERT_PTR_NULL(live);
            WEIR_ASSERT_CONTAINS(error.text, path);
            WEIR_ASSERT_CONTAINS(error.text, lies[i].said);
            WEIR_ASSERT_CONTAINS(error.text, "run `weir inspect --manifest --write ");
        }
        weir_registry_destroy(r);
    }
    folder_finish(&folder);
}

static void a_file_replaced_after_the_check_is_not_opened(void)
{
    struct weir_error error;
    const weir_component *live;
    folder_init(&folder);
    put_plugin("a", NULL, NULL, NULL, NULL);
    struct weir_registry *r = registry_of(folder.path, NULL, 0);
    const struct weir_component_info *c = weir_registry_find(r, WEIR_OPERATOR, "seen", &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    copy_into(&folder, HOSTILE("constructor_aborts"), "a.so");
    CU_ASSERT_EQUAL(weir_registry_open(r, c, &live, &error), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(error.text, "a.so: expected build-id ");
    WEIR_ASSERT_CONTAINS(error.text, "the file was replaced since the job was checked; start again");
    CU_ASSERT_PTR_NULL(live);
    weir_registry_destroy(r);
    folder_finish(&folder);
}

WEIR_SUITE(registry) = {
    {"finds components by name and kind", finds_components_by_name_and_kind},
    {"says what is near, or of another kind", says_what_is_near_or_of_another_kind},
    {"two plugins with one name need the plugin's id", two_plugins_with_one_name_need_the_plugins_id},
    {"the first directory wins", the_first_directory_wins},
    {"another build of a known id is refused", another_build_of_a_known_id_is_refused},
    {"adds files by path and by name", adds_files_by_path_and_by_name},
    {"a name is not looked for in the current directory", a_name_is_not_looked_for_in_the_current_directory},
    {"a manifest of another build is stale", a_manifest_of_another_build_is_stale},
    {"a manifest that others can write is refused", a_manifest_that_others_can_write_is_refused},
    {"a file without manifest is described by the helper", a_file_without_manifest_is_described_by_the_helper},
    {"a directory that is not there is told with the missing component",
     a_directory_that_is_not_there_is_told_with_the_missing_component},
    {"opens a file once", opens_a_file_once},
    {"a manifest that lies is found out before anything is stored",
     a_manifest_that_lies_is_found_out_before_anything_is_stored},
    {"a file replaced after the check is not opened", a_file_replaced_after_the_check_is_not_opened},
    {NULL, NULL},
};
