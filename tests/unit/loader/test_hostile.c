/* Hostile plugins: each is refused with a message that names file, expectation, finding and cure; nothing crashes, here or
 * in `weir inspect`. Files that are wrong as bytes are in test_plugin_file.c; those that go wrong in a job are for the
 * integration tests. */
#include "base/process.h"
#include "loader/plugin_open.h"
#include "plugin_fixture.h"

enum { PATIENCE_MS = 30000, IMPATIENCE_MS = 300 };

static const struct hostile {
    const char *name, *expected, *found, *cure;
} hostiles[] = {
    /* what it needs */
    {"missing_dependency", "expected a file that can be linked",
     "found: libhostile_elsewhere.so: cannot open shared object file", "install what is missing"},
    {"unresolved_symbol", "expected a file that can be linked", "undefined symbol: hostile_elsewhere",
     "link the plugin with -Wl,-z,defs"},
    /* what its structs say */
    {"struct_major", "expected ABI 1.0, as in the file's note", "found 7.0 in what weir_plugin_v1 returned",
     "write both with WEIR_PLUGIN"},
    {"other_version", "expected plugin 'test.hostile' version '2.0.0'", "found 'test.hostile' version '1.0.0'",
     "write both with WEIR_PLUGIN"},
    {"null_plugin", "expected weir_plugin_v1 to return a weir_plugin", "found NULL", "write it with WEIR_PLUGIN"},
    {"plugin_size", "expected a struct_size of at least 40 in its weir_plugin", "found 8", "rebuild the plugin"},
    {"component_size", "component 1: expected a struct_size of at least 96 in its weir_component", "found 16",
     "rebuild the plugin"},
    {"vtable_size", "expected a struct_size of at least 80 in its weir_operator", "found 4", "rebuild the plugin"},
    {"vtable_flags", "expected flags 0 in its weir_operator", "found 0x4", "set .flags = 0"},
    {"null_vtable", "expected a vtable (weir_operator)", "found NULL", "set .vtable"},
    {"null_process", "expected either process or filter in its weir_operator", "found neither", "set one of them"},
    {"null_components", "expected a list of components", "found NULL", "name them in WEIR_PLUGIN"},
    {"no_components", "expected at least one component", "found none", "name them in WEIR_PLUGIN"},
    {"unknown_kind", "expected a component kind that this weir knows (source, operator, ", "found kind 77",
     "use enum weir_kind"},
    {"null_id", "component 1: expected an id such as top_n", "found NULL", "set its .id"},
    {"bad_id", "component 1: expected an id such as top_n", "found \"Top N\"", "correct its .id"},
    {"same_id", "expected components with different ids", "found 'first' twice", "rename one"},
    {"unknown_flags", "expected flags that a component of kind operator can have", "found an unknown one (0x80000000)",
     "take it away"},
    {"wrong_flags", "expected flags that a component of kind operator can have", "found unbounded", "take it away"},
    /* its options */
    {"same_option", "component 'first': expected options with different names", "found 'mode' twice", "rename one"},
    {"null_option", "component 'first': option 2: expected a name", "found \"\"", "correct its .name"},
    {"option_outside", "option 'limit': expected it inside the instance of 16 bytes", "found bytes 4096 to 4104",
     "declare it with WEIR_OPTION"},
    {"option_wraps", "option 'limit': expected it inside the instance of 16 bytes", "found bytes 4294967288 to 4294967296",
     "declare it with WEIR_OPTION"},
    {"option_overlaps", "expected options with members of their own", "found 'mode' and 'limit' in the same bytes",
     "declare them with WEIR_OPTION"},
    {"option_size", "option 'limit': expected 8 bytes (int64_t) for an option of type i64", "found a member of 4 bytes",
     "change the member's C type"},
    {"option_type", "option 'limit': expected an option type (bool, i64, ", "found type 99", "use enum weir_option_type"},
    {"option_default", "option 'limit': .def: expected a whole number between 1 and 10", "found \"many\"",
     "write it as in 42"},
    {"option_default_range", "option 'limit': .def: expected a whole number between 1 and 10", "found \"11\"",
     "between 1 and 10"},
    {"option_min", "option 'limit': .min: expected a whole number", "found \"little\"", "write it as in 42"},
    {"option_min_max", "option 'limit': expected min <= max", "found min 9 and max 3", "exchange them"},
    {"option_choices", "option 'mode': expected choices for an enum", "found none", "add .choices"},
    {"option_stride", "expected a stride of at least 72 for its options", "found 8", "set it to sizeof(weir_option)"},
    /* its states and schemas */
    {"state_outside", "state 'kept': member 'n' of the value", "offset 4096", "declare it with WEIR_MEMBER"},
    {"state_type", "state 'kept': member 'n' of the value", "has type 42", "the types are those of enum weir_type"},
    {"state_kind", "state 'kept' is of kind 77", "", "the kinds are those of enum weir_state_kind, 1 to 9"},
    {"state_without_add", "state 'kept': expected add of reducing and aggregating states",
     "found a state of kind reducing without add and without result", "declare it with the WEIR_..._STATE macros"},
    {"raw_with_members", "state 'kept' is raw and declares members", "", "declare it with WEIR_RAW_STATE"},
    {"raw_without_snapshot", "state 'kept': expected snapshot in the vtable of a component with a raw state", "found none",
     "write it, or declare a split list"},
    {"sink_with_keyed_state", "state 'kept': expected states that belong to no key of a component of kind sink",
     "found a value state", "(split_list, union_list, raw)"},
    {"sink_with_taken_name", "state 'transactions': expected another name", "a sink has a list of that name", ""},
    {"function_with_split_list", "state 'kept': expected split_list states of operators, sources and sinks alone",
     "found one of a component of kind window_function", "take it away"},
    {"schema_in", "component 'first': .in: ", "expected ':' after a field's name, found 'f'",
     "correct it as <weir/component.h> describes"},
    {"schema_out", ".out \"m:same(k)\": expected the name of an input in same(k)", "found no such field in .in",
     "add it there or correct the name"},
    {"schema_option", ".out \"{into}:i64\": expected a string option in {into}", "found no such option",
     "declare WEIR_OPTION(..., into, ...)"},
    /* what its window assigner declares */
    {"period_unsaid", "expected periodic in its weir_window_assigner, as WEIR_PERIODIC promises", "found NULL",
     "write it or take the flag away"},
    {"period_undeclared", "expected WEIR_PERIODIC beside periodic in its weir_window_assigner", "found no such flag",
     "without it periodic is never called"},
    {"period_merges", "expected periodic or merging", "found both", "take one away"},
    {"period_of_clock", "expected event_windows beside periodic", "found clock_windows",
     "periodic windows are of event time"},
    {"period_of_no_clock", "expected event_windows beside periodic", "found neither clock",
     "periodic windows are of event time"},
    /* what it does while it is opened */
    {"constructor_aborts", "expected it to describe itself when it is opened",
     "was killed by signal 6 (SIGABRT, Aborted); it last said: hostile: this is on purpose",
     "debug the plugin's constructors and weir_plugin_v1"},
    {"constructor_exits", "expected it to describe itself when it is opened", "exited with code 0 before it could",
     "debug the plugin's constructors"},
    {"constructor_lies", "expected it to describe itself when it is opened", "exited with code 0 before it could",
     "debug the plugin's constructors"},
    {"entry_crashes", "expected it to describe itself when it is opened",
     "was killed by signal 11 (SIGSEGV, Segmentation fault)", "debug the plugin's constructors and weir_plugin_v1"},
    {"destructor_crashes", "expected it to let the process end once it is described",
     "was killed by signal 11 (SIGSEGV, Segmentation fault)", "debug the plugin's destructors and exit handlers"},
};

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, WEIR_BUILD_DIR "/tests/plugins/hostile/%s.so", name);
    return path;
}

static void check_message(const struct hostile *h, const char *text)
{
    WEIR_ASSERT_CONTAINS(text, path_of(h->name));
    WEIR_ASSERT_CONTAINS(text, h->expected);
    WEIR_ASSERT_CONTAINS(text, h->found);
    WEIR_ASSERT_CONTAINS(text, h->cure);
}

static void the_registry_refuses_each(void)
{
    struct weir_error error;
    const struct weir_plugin_info *info;
    let_helpers_crash();
    struct weir_registry *r = registry_of("/", HELPER, PATIENCE_MS);
    for (size_t i = 0; i < WEIR_LEN(hostiles); i++) {
        error.text[0] = 0;
        CU_ASSERT_EQUAL(weir_registry_add(r, path_of(hostiles[i].name), &info, &error), WEIR_E_PLUGIN);
        check_message(&hostiles[i], error.text);
    }
    const struct weir_plugin_info *const *plugins;
    CU_ASSERT_EQUAL(weir_registry_plugins(r, &plugins), 0);
    weir_registry_destroy(r);
}

static void inspect_refuses_each_with_code_3(void)
{
    struct weir_process_limits limits = {.timeout_ms = PATIENCE_MS, .max_output_bytes = 1 << 20};
    let_helpers_crash();
    for (size_t i = 0; i < WEIR_LEN(hostiles); i++) {
        const char *argv[] = {HELPER, "inspect", path_of(hostiles[i].name), NULL};
        struct weir_process_result result;
        struct weir_error error;
        CU_ASSERT_EQUAL_FATAL(weir_process_run(argv, &limits, &result, &error), WEIR_OK);
        CU_ASSERT(result.exited && result.exit_code == 3);
        CU_ASSERT_EQUAL(result.n_out, 0);
        check_message(&hostiles[i], result.err);
        weir_process_result_finish(&result);
    }
}

static void a_directory_of_them_leaves_the_harmless_ones(void)
{
    struct weir_error error;
    let_helpers_crash();
    struct weir_registry *r = registry_of(WEIR_BUILD_DIR "/tests/plugins/hostile", HELPER, 2000);
    const char *const *messages;
    const struct weir_plugin_info *const *plugins;
    CU_ASSERT(weir_registry_refused(r, &messages) >= WEIR_LEN(hostiles));
    CU_ASSERT_EQUAL(weir_registry_plugins(r, &plugins), 1);
    CU_ASSERT_PTR_NOT_NULL(weir_registry_find(r, WEIR_OPERATOR, "pass", &error));
    CU_ASSERT_PTR_NULL(
        weir_registry_find(r, WEIR_SINK, "kafka", &error)); /* a long message, cut or not, is still a message */
    WEIR_ASSERT_CONTAINS(error.text, "see `weir list components`");
    weir_registry_destroy(r);
}

static void a_constructor_that_never_ends_is_ended(void)
{
    struct weir_error error;
    const struct weir_plugin_info *info;
    struct weir_registry *r = registry_of("/", HELPER, IMPATIENCE_MS);
    CU_ASSERT_EQUAL(weir_registry_add(r, HOSTILE("constructor_loops"), &info, &error), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(error.text, "constructor_loops.so: expected it to describe itself when it is opened");
    WEIR_ASSERT_CONTAINS(error.text, "had not ended after 0.3 s and was killed");
    WEIR_ASSERT_CONTAINS(error.text, "debug the plugin's constructors");
    weir_registry_destroy(r);
}

static void a_constructor_that_prints_does_no_harm(void)
{
    struct weir_error error;
    const struct weir_plugin_info *info;
    struct weir_registry *r = registry_of("/", HELPER, PATIENCE_MS);
    CU_ASSERT_EQUAL(weir_registry_add(r, HOSTILE("constructor_chats"), &info, &error), WEIR_OK);
    CU_ASSERT_PTR_NOT_NULL(weir_registry_find(r, WEIR_OPERATOR, "pass", &error));
    weir_registry_destroy(r);
}

/* The declarations are refused in this process as well: a manifest that lies gets past the helper. */
static void opening_here_refuses_bad_declarations(void)
{
    for (size_t i = 0; i < WEIR_LEN(hostiles); i++) {
        struct weir_error error = {0};
        struct weir_plugin_file f;
        const weir_plugin *plugin;
        if (strstr(hostiles[i].name, "constructor") || strstr(hostiles[i].name, "crashes")) continue;
        CU_ASSERT_EQUAL_FATAL(weir_plugin_file_check(weir_platform_os(), path_of(hostiles[i].name), NULL, &f, &error),
                              WEIR_OK);
        CU_ASSERT_EQUAL(weir_plugin_open(&f, &plugin, &error), WEIR_E_PLUGIN);
        CU_ASSERT_PTR_NULL(plugin);
        check_message(&hostiles[i], error.text);
        weir_plugin_file_finish(&f);
    }
}

static void those_that_fail_in_a_job_are_sound_as_files(void)
{
    struct weir_error error;
    struct weir_registry *r = registry_of(WEIR_BUILD_DIR "/tests/plugins/run_time", NULL, 0);
    static const char *const names[] = {"open_fails", "open_crashes", "process_crashes"};
    for (size_t i = 0; i < WEIR_LEN(names); i++)
        CU_ASSERT_PTR_NOT_NULL(weir_registry_find(r, WEIR_OPERATOR, names[i], &error));
    weir_registry_destroy(r);
}

WEIR_SUITE(hostile) = {
    {"the registry refuses each, with file, expectation, finding and cure", the_registry_refuses_each},
    {"weir inspect refuses each with exit code 3", inspect_refuses_each_with_code_3},
    {"a directory of them leaves the harmless ones", a_directory_of_them_leaves_the_harmless_ones},
    {"a constructor that never ends is ended", a_constructor_that_never_ends_is_ended},
    {"a constructor that prints does no harm", a_constructor_that_prints_does_no_harm},
    {"opening here refuses bad declarations", opening_here_refuses_bad_declarations},
    {"those that fail in a job are sound as files", those_that_fail_in_a_job_are_sound_as_files},
    {NULL, NULL},
};
