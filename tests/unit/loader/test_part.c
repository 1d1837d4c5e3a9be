/* Option values from text, and instances that hold them. */
#include "base/alloc.h"
#include "loader/part.h"
#include "plugin_fixture.h"

#define GOOD_FOLDER WEIR_BUILD_DIR "/tests/plugins/good"

/* The instance struct of tests/plugins/good/plugin.c. */
struct everything {
    bool strict;
    int64_t limit;
    double rate;
    const char *label;
    int64_t wait;
    int64_t room;
    int32_t mode;
    weir_strings names;
    int32_t field;
    const char *password;
    weir_part codec;
};
static char *modes[] = {(char[]){"slow"}, (char[]){"fast"}, NULL};

static const char *message(weir_option_type type, const char *min, const char *max, const char *text)
{
    static struct weir_error error;
    struct weir_option_info o = {.type = type,
                                 .min = (char *)(uintptr_t)min,
                                 .max = (char *)(uintptr_t)max,
                                 .choices = type == WEIR_OPT_ENUM ? modes : NULL};
    struct weir_option_value v = {0};
    error.text[0] = 0;
    if (weir_option_parse(&o, text, &v, &error) == WEIR_OK)
        error.text[0] = 0;
    else
        CU_ASSERT_EQUAL(error.status, WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(v.set, error.text[0] == 0);
    weir_option_value_finish(&o, &v);
    return error.text;
}

static struct weir_option_value value(weir_option_type type, const char *text)
{
    struct weir_option_info o = {.type = type, .choices = type == WEIR_OPT_ENUM ? modes : NULL};
    struct weir_option_value v = {0};
    struct weir_error error;
    CU_ASSERT_EQUAL(weir_option_parse(&o, text, &v, &error), WEIR_OK);
    CU_ASSERT(v.set);
    return v;
}

static void parses_every_type(void)
{
    CU_ASSERT(value(WEIR_OPT_BOOL, "true").boolean);
    CU_ASSERT(!value(WEIR_OPT_BOOL, "false").boolean);
    CU_ASSERT_EQUAL(value(WEIR_OPT_I64, "-1_000").i64, -1000);
    CU_ASSERT_EQUAL(value(WEIR_OPT_F64, "2.5e3").f64, 2500);
    CU_ASSERT_EQUAL(value(WEIR_OPT_DURATION, "1h 30min").i64, 5400000);
    CU_ASSERT_EQUAL(value(WEIR_OPT_SIZE, "64KiB").i64, 65536);
    CU_ASSERT_EQUAL(value(WEIR_OPT_ENUM, "fast").index, 1);
    struct weir_option_info o = {.type = WEIR_OPT_STRING};
    struct weir_option_value v = value(WEIR_OPT_STRING, " as it is ");
    CU_ASSERT_STRING_EQUAL(v.string, " as it is ");
    weir_option_value_finish(&o, &v);
}

static void parses_lists(void)
{
    static const struct {
        const char *text;
        size_t n;
        const char *last;
    } cases[] = {{"", 0, NULL}, {"  ", 0, NULL}, {"a", 1, "a"}, {"a, b c ,d", 3, "d"}, {"a,", 2, ""}, {" x y ", 1, "x y"}};
    struct weir_option_info o = {.type = WEIR_OPT_LIST};
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        struct weir_option_value v = value(WEIR_OPT_LIST, cases[i].text);
        CU_ASSERT_EQUAL(v.list.n, cases[i].n);
        if (v.list.n && v.list.n == cases[i].n) CU_ASSERT_STRING_EQUAL(v.list.items[v.list.n - 1], cases[i].last);
        weir_option_value_finish(&o, &v);
        CU_ASSERT(!v.set);
    }
}

/* TRAP of the design: "Numbers that are not numbers are errors, never 0." */
static void numbers_that_are_not_numbers_are_errors_never_0(void)
{
    static const char *const not_numbers[] = {"", " ", "abc", "1x", "0x10", "1 2", "1e", "--1", "9223372036854775808"};
    static const weir_option_type types[] = {WEIR_OPT_I64, WEIR_OPT_DURATION, WEIR_OPT_SIZE};
    for (size_t i = 0; i < WEIR_LEN(not_numbers); i++) {
        for (size_t k = 0; k < WEIR_LEN(types); k++) {
            const char *text = message(types[k], NULL, NULL, not_numbers[i]);
            if (!*text) printf("\naccepted: \"%s\" as type %d\n", not_numbers[i], (int)types[k]);
            CU_ASSERT_NOT_EQUAL(text[0], 0);
        }
    }
    CU_ASSERT_STRING_EQUAL(message(WEIR_OPT_F64, NULL, NULL, "many"),
                           "expected a number, found \"many\" (write it as in 0.5 or 1e9)");
    CU_ASSERT_NOT_EQUAL(message(WEIR_OPT_F64, NULL, NULL, "nan")[0], 0);
    CU_ASSERT_NOT_EQUAL(message(WEIR_OPT_F64, "0", "1", "nan")[0], 0);
}

static void messages_say_the_range_and_how_to_write_it(void)
{
    CU_ASSERT_STRING_EQUAL(
        message(WEIR_OPT_DURATION, "1ms", "1d", "5 parsecs"),
        "expected a duration between 1ms and 1d, found \"5 parsecs\" (write it as in 200ms, 5s, 10min or 1h 30min)");
    CU_ASSERT_STRING_EQUAL(message(WEIR_OPT_DURATION, "1ms", "1d", "2d"),
                           "expected a duration between 1ms and 1d, found \"2d\"");
    CU_ASSERT_STRING_EQUAL(message(WEIR_OPT_DURATION, "1ms", "1d", "24h"), "");
    WEIR_ASSERT_CONTAINS(
        message(WEIR_OPT_DURATION, "1ms", "1d", "500"),
        "found \"500\" (write it as 500ms if milliseconds are meant, or as in 200ms, 5s, 10min or 1h 30min)");
    CU_ASSERT_STRING_EQUAL(message(WEIR_OPT_I64, "1", NULL, "0"), "expected a whole number of at least 1, found \"0\"");
    CU_ASSERT_STRING_EQUAL(message(WEIR_OPT_SIZE, NULL, "1MiB", "2MiB"), "expected a size of at most 1MiB, found \"2MiB\"");
    CU_ASSERT_STRING_EQUAL(message(WEIR_OPT_F64, "0", "1", "1.0000001"),
                           "expected a number between 0 and 1, found \"1.0000001\"");
    CU_ASSERT_STRING_EQUAL(message(WEIR_OPT_BOOL, NULL, NULL, "maybe"), "expected true or false, found \"maybe\"");
    CU_ASSERT_STRING_EQUAL(message(WEIR_OPT_ENUM, NULL, NULL, "fasr"),
                           "expected one of slow, fast, found \"fasr\": did you mean \"fast\"?");
    CU_ASSERT_STRING_EQUAL(message(WEIR_OPT_ENUM, NULL, NULL, "sideways"), "expected one of slow, fast, found \"sideways\"");
}

static void a_bad_text_leaves_the_earlier_value(void)
{
    struct weir_option_info o = {.type = WEIR_OPT_STRING}, number = {.type = WEIR_OPT_I64};
    struct weir_option_value v = value(WEIR_OPT_STRING, "one");
    CU_ASSERT_EQUAL(weir_option_parse(&o, "two", &v, NULL), WEIR_OK); /* frees "one": the leak checker watches */
    CU_ASSERT_STRING_EQUAL(v.string, "two");
    weir_option_value_finish(&o, &v);
    v = value(WEIR_OPT_I64, "7");
    CU_ASSERT_EQUAL(weir_option_parse(&number, "x", &v, NULL), WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(v.i64, 7);
}

static struct weir_option_value *option(struct weir_part_spec *spec, const char *name)
{
    return (struct weir_option_value *)(uintptr_t)weir_part_option(spec, name);
}

static void specs_start_at_the_defaults(void)
{
    struct weir_error error;
    struct weir_registry *r = registry_of(GOOD_FOLDER, NULL, 0);
    struct weir_part_spec *spec = weir_part_spec_create(weir_registry_find(r, WEIR_OPERATOR, "everything", &error));
    CU_ASSERT(option(spec, "strict")->boolean);
    CU_ASSERT_EQUAL(option(spec, "limit")->i64, 1000);
    CU_ASSERT_EQUAL(option(spec, "wait")->i64, 5000);
    CU_ASSERT_EQUAL(option(spec, "names")->list.n, 2);
    CU_ASSERT(!option(spec, "label")->set && !option(spec, "field")->set && !option(spec, "password")->set &&
              !option(spec, "codec")->set);
    CU_ASSERT_PTR_NULL(weir_part_option(spec, "colour"));
    weir_part_spec_destroy(spec);
    weir_part_spec_destroy(NULL);
    weir_registry_destroy(r);
}

static void instances_hold_their_options(void)
{
    struct weir_error error;
    struct weir_part_instance in;
    struct weir_registry *r = registry_of(GOOD_FOLDER, NULL, 0);
    struct weir_part_spec *spec = weir_part_spec_create(weir_registry_find(r, WEIR_OPERATOR, "everything", &error));
    *option(spec, "label") = value(WEIR_OPT_STRING, "hello");
    *option(spec, "codec") = (struct weir_option_value){
        .set = true, .part = weir_part_spec_create(weir_registry_find(r, WEIR_DECODER, "codec", &error))};
    CU_ASSERT_EQUAL_FATAL(weir_part_instantiate(r, spec, &in, &error), WEIR_OK);
    const struct everything *e = in.self;
    CU_ASSERT_EQUAL(spec->info->instance_size, sizeof *e);
    CU_ASSERT_EQUAL((uintptr_t)e % 64, 0);
    CU_ASSERT(e->strict && e->limit == 1000 && e->rate == 0.5 && e->wait == 5000 && e->room == 65536 && e->mode == 1 &&
              e->field == -1);
    CU_ASSERT_STRING_EQUAL(e->label, "hello");
    CU_ASSERT_PTR_NULL(e->password);
    CU_ASSERT_EQUAL_FATAL(e->names.n, 2);
    CU_ASSERT_STRING_EQUAL(e->names.items[1], "b");
    CU_ASSERT_EQUAL_FATAL(in.n_nested, 1);
    CU_ASSERT_STRING_EQUAL(e->codec.component->id, "codec");
    CU_ASSERT_PTR_EQUAL(e->codec.vtable, e->codec.component->vtable);
    CU_ASSERT_STRING_EQUAL(*(const char *const *)e->codec.self, ";");
    CU_ASSERT_PTR_EQUAL(in.vtable, in.component->vtable);
    weir_part_instance_finish(&in);
    weir_part_instance_finish(&in); /* zeroed is fine */
    weir_part_spec_destroy(spec);
    weir_registry_destroy(r);
}

static void an_instance_without_its_file_is_a_refusal(void)
{
    struct folder folder;
    struct weir_error error;
    struct weir_part_instance in;
    folder_init(&folder);
    const char *so = copy_into(&folder, GOOD, "x.so");
    copy_into(&folder, GOOD_MANIFEST, "x.weir.yaml");
    struct weir_registry *r = registry_of(folder.path, NULL, 0);
    struct weir_part_spec *spec = weir_part_spec_create(weir_registry_find(r, WEIR_DECODER, "codec", &error));
    CU_ASSERT_EQUAL(unlink(so), 0);
    CU_ASSERT_EQUAL(weir_part_instantiate(r, spec, &in, &error), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(error.text, "x.so: expected a file, found none");
    CU_ASSERT_PTR_NULL(in.self);
    weir_part_spec_destroy(spec);
    weir_registry_destroy(r);
    folder_finish(&folder);
}

static void nothing_is_left_allocated(void)
{
    size_t before = weir_allocated_blocks();
    specs_start_at_the_defaults();
    instances_hold_their_options();
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
}

WEIR_SUITE(part) = {
    {"parses every type", parses_every_type},
    {"parses lists", parses_lists},
    {"TRAP: numbers that are not numbers are errors, never 0", numbers_that_are_not_numbers_are_errors_never_0},
    {"messages say the range and how to write it", messages_say_the_range_and_how_to_write_it},
    {"a bad text leaves the earlier value", a_bad_text_leaves_the_earlier_value},
    {"specs start at the defaults", specs_start_at_the_defaults},
    {"instances hold their options", instances_hold_their_options},
    {"an instance without its file is a refusal", an_instance_without_its_file_is_a_refusal},
    {"nothing is left allocated", nothing_is_left_allocated},
    {NULL, NULL},
};
