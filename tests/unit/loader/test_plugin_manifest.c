/* Manifests: what is written is what is read, and no change of the text gets past the checks. */
#include <jansson.h>

#include "base/alloc.h"
#include "base/random.h"
#include "loader/plugin_info.h"
#include "loader/plugin_manifest.h"
#include "plugin_fixture.h"

static void names_the_file_beside(void)
{
    char *path = weir_plugin_manifest_path("/p/acme.so");
    CU_ASSERT_STRING_EQUAL(path, "/p/acme.weir.yaml");
    weir_free(path);
    path = weir_plugin_manifest_path("/p.so/acme");
    CU_ASSERT_STRING_EQUAL(path, "/p.so/acme.weir.yaml");
    weir_free(path);
}

static void reads_what_it_wrote(void)
{
    struct bytes b = load(GOOD_MANIFEST);
    struct weir_error error;
    struct weir_plugin_info info;
    struct weir_text again = {0};
    CU_ASSERT_EQUAL_FATAL(weir_plugin_manifest_read(b.p, b.n, "m", "/p/good.so", &info, &error), WEIR_OK);
    weir_plugin_manifest_write(&info, &again);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&again), b.p);
    weir_text_finish(&again);
    weir_plugin_info_finish(&info);
    free(b.p);
}

static void reads_every_fact(void)
{
    struct bytes b = load(GOOD_MANIFEST);
    struct weir_error error;
    struct weir_plugin_info info;
    CU_ASSERT_EQUAL_FATAL(weir_plugin_manifest_read(b.p, b.n, "m", "/p/good.so", &info, &error), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(info.id, "test.good");
    CU_ASSERT_STRING_EQUAL(info.version, "1.2.3");
    CU_ASSERT_STRING_EQUAL(info.path, "/p/good.so");
    CU_ASSERT_EQUAL_FATAL(info.n_components, 3);
    const struct weir_component_info *c = info.components;
    CU_ASSERT_EQUAL(c[0].flags, WEIR_ONE_TO_ONE);
    CU_ASSERT_EQUAL_FATAL(c[0].n_options, 11);
    CU_ASSERT_STRING_EQUAL(c[0].options[3].doc, "what to call it: \"quotes\", commas, a # and a ${name}");
    CU_ASSERT_PTR_NULL(c[0].options[3].def);
    CU_ASSERT_STRING_EQUAL(c[0].options[4].min, "1ms");
    CU_ASSERT_STRING_EQUAL(c[0].options[6].choices[1], "fast");
    CU_ASSERT_PTR_NULL(c[0].options[6].choices[2]);
    CU_ASSERT_EQUAL(c[0].options[8].flags, WEIR_OPTIONAL | WEIR_NUMERIC);
    CU_ASSERT_EQUAL(c[0].options[10].accepts, WEIR_DECODER);
    CU_ASSERT(c[1].has_timers && !c[1].is_filter);
    CU_ASSERT_EQUAL_FATAL(c[1].n_states, 2);
    CU_ASSERT_STRING_EQUAL(c[1].states[1].name, "null");
    CU_ASSERT_EQUAL(c[1].states[1].kind, WEIR_MAP);
    CU_ASSERT_EQUAL(c[1].states[1].key_fields[0].type, WEIR_STRING);
    CU_ASSERT_EQUAL(c[1].states[1].fields[1].type, WEIR_TIMESTAMP);
    CU_ASSERT(c[2].is_splittable);
    CU_ASSERT_PTR_EQUAL(c[2].plugin, &info);
    weir_plugin_info_finish(&info);
    free(b.p);
}

static void writes_the_same_as_json(void)
{
    struct bytes b = load(GOOD_MANIFEST);
    struct weir_error error;
    struct weir_plugin_info info;
    struct weir_text text = {0};
    CU_ASSERT_EQUAL_FATAL(weir_plugin_manifest_read(b.p, b.n, "m", NULL, &info, &error), WEIR_OK);
    weir_plugin_manifest_write_json(&info, &text);
    json_t *root = json_loads(weir_text_get(&text), JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    json_t *first = json_array_get(json_object_get(root, "components"), 0);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(first, "instance_size")), info.components[0].instance_size);
    json_t *limit = json_array_get(json_object_get(first, "options"), 1);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(limit, "default")), "1_000");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "abi")), "1.0");
    json_decref(root);
    weir_text_finish(&text);
    weir_plugin_info_finish(&info);
    free(b.p);
}

/* The good manifest with one line's part replaced. */
static const char *changed(const char *from, const char *to)
{
    static struct weir_error error;
    struct bytes b = load(GOOD_MANIFEST);
    struct weir_plugin_info info;
    struct weir_text t = {0};
    char *at = strstr(b.p, from);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    weir_text_add(&t, "%.*s%s%s", (int)(at - b.p), b.p, to, at + strlen(from));
    error.text[0] = 0;
    if (weir_plugin_manifest_read(weir_text_get(&t), t.n, "x.weir.yaml", NULL, &info, &error) == WEIR_OK) error.text[0] = 0;
    weir_plugin_info_finish(&info);
    weir_text_finish(&t);
    free(b.p);
    return error.text;
}

static void refuses_what_is_wrong(void)
{
    WEIR_ASSERT_CONTAINS(changed("components:", "components: [}"), "expected a plugin manifest in YAML");
    WEIR_ASSERT_CONTAINS(changed("weir_plugin: 1", "weir_plugin: 2"),
                         "x.weir.yaml:2: expected a plugin manifest of format 1, found format \"2\"");
    WEIR_ASSERT_CONTAINS(changed("weir_plugin: 1", ""), "expected a text for 'weir_plugin', found none");
    WEIR_ASSERT_CONTAINS(changed("kind: operator", "kind: sorcerer"), "expected one of source, operator, ");
    WEIR_ASSERT_CONTAINS(changed("kind: operator", "kind: sorcerer"), "for 'kind', found \"sorcerer\"");
    WEIR_ASSERT_CONTAINS(changed("size: 8", "size: eight"), "expected a whole number for 'size', found \"eight\"");
    WEIR_ASSERT_CONTAINS(changed("size: 8", "size: -8"), "expected a whole number for 'size', found \"-8\"");
    WEIR_ASSERT_CONTAINS(changed("offset: 8", "offset: 4294967288"), "option 'limit': expected it inside the instance");
    WEIR_ASSERT_CONTAINS(changed("flags: [one_to_one]", "flags: [sideways]"),
                         "expected a flag that this weir knows, found \"sideways\"");
    WEIR_ASSERT_CONTAINS(changed("default: \"1_000\"", "default: \"none\""),
                         "option 'limit': .def: expected a whole number between 1 and 1000000, found \"none\"");
    WEIR_ASSERT_CONTAINS(changed("id: \"seen\"", "id: \"everything\""), "found 'everything' twice");
    WEIR_ASSERT_CONTAINS(changed("abi: \"1.0\"", "abi: nine"), "expected an ABI such as \"1.0\", found \"nine\"");
    WEIR_ASSERT_CONTAINS(changed("type: timestamp", "type: century"),
                         "expected a type such as i64 or string, found \"century\"");
    WEIR_ASSERT_CONTAINS(changed("in: \"n:i64\"", "in: \"n-i64\""), "component 'everything': .in: ");
}

static void refuses_what_is_no_manifest(void)
{
    static const char *const texts[] = {"",      "[]", "hello", "a: 1", "weir_plugin: [1]", "weir_plugin: 1\ncomponents: []",
                                        "\0\0\0"};
    struct weir_error error;
    struct weir_plugin_info info;
    for (size_t i = 0; i < WEIR_LEN(texts); i++) {
        CU_ASSERT_EQUAL(weir_plugin_manifest_read(texts[i], strlen(texts[i]), "x", NULL, &info, &error), WEIR_E_PLUGIN);
        weir_plugin_info_finish(&info);
    }
}

/* Whatever single bytes do to the text: read or refused, nothing leaks or crashes, and what is read is sound. */
static void survives_damaged_text(void)
{
    struct bytes b = load(GOOD_MANIFEST);
    struct weir_random random = {7};
    struct weir_error error;
    struct weir_plugin_info info;
    char *copy = malloc(b.n);
    for (int i = 0; i < 500; i++) {
        memcpy(copy, b.p, b.n);
        for (int k = 0; k < 2; k++)
            copy[weir_random_below(&random, b.n)] = "0:[]{}\"- \n9az"[weir_random_below(&random, 13)];
        if (weir_plugin_manifest_read(copy, b.n, "x", NULL, &info, &error) == WEIR_OK)
            CU_ASSERT_EQUAL(weir_plugin_info_check(&info, &error), WEIR_OK);
        weir_plugin_info_finish(&info);
    }
    free(copy);
    free(b.p);
}

WEIR_SUITE(plugin_manifest) = {
    {"names the file beside the plugin", names_the_file_beside},
    {"reads what it wrote", reads_what_it_wrote},
    {"reads every fact", reads_every_fact},
    {"writes the same as JSON", writes_the_same_as_json},
    {"refuses what is wrong, with its line", refuses_what_is_wrong},
    {"refuses what is no manifest", refuses_what_is_no_manifest},
    {"survives damaged text", survives_damaged_text},
    {NULL, NULL},
};
