/* The configuration file: where it is, what it says, what overrides it. */
#include "embed/config.h"

#include "unit/embed/embed_stage.h"

static weir_status read_config(const char *path, struct weir_config *config, struct weir_error *error)
{
    *error = (struct weir_error){0};
    return weir_config_read(weir_platform_os(), path, config, error);
}

static void it_says_what_this_machine_gives(void)
{
    struct weir_config c;
    struct weir_error e;
    const char *path = write_file("weir.yaml", "slots: 4\nparallelism: 2\nplugins: [mine, /opt/acme]\n");
    CU_ASSERT_EQUAL(read_config(path, &c, &e), WEIR_OK);
    CU_ASSERT_EQUAL(c.slots, 4);
    CU_ASSERT_EQUAL(c.parallelism, 2);
    CU_ASSERT_EQUAL_FATAL(c.n_plugins, 2);
    CU_ASSERT_STRING_EQUAL(c.plugins[0], WEIR_TEST_FOLDER "/mine"); /* relative to the file */
    CU_ASSERT_STRING_EQUAL(c.plugins[1], "/opt/acme");
    weir_config_finish(&c);
    CU_ASSERT_EQUAL(read_config(write_file("weir.yaml", ""), &c, &e), WEIR_OK);
    CU_ASSERT_EQUAL(c.slots + c.parallelism + c.n_plugins, 0);
    weir_config_finish(&c);
}

static void mistakes_in_it_are_told(void)
{
    static const char *const wrong[][2] = {
        {"slot: 4\n", "did you mean 'slots'?"},
        {"slots: 0\n", "a whole number from 1 to 32768"},
        {"parallelism: many\n", "a whole number from 1 to 32768"},
        {"plugins: here\n", "list of directories"},
        {"- slots\n", "slots, parallelism, plugins"},
        {"slots: [\n", "weir.yaml:"},
        {"slots: 4\nslots: 5\n", "slots"},
    };
    struct weir_config c;
    struct weir_error e;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CU_ASSERT_NOT_EQUAL(read_config(write_file("weir.yaml", wrong[i][0]), &c, &e), WEIR_OK);
        WEIR_ASSERT_CONTAINS(e.text, wrong[i][1]);
        CU_ASSERT_EQUAL(c.n_plugins, 0);
    }
    CU_ASSERT_NOT_EQUAL(read_config("/no/such/weir.yaml", &c, &e), WEIR_OK); /* one that was named must be there */
    WEIR_ASSERT_CONTAINS(e.text, "/no/such/weir.yaml");
}

/* The environment names a place, or the usual ones are looked at. */
static void the_usual_places_in_order(void)
{
    struct weir_config c;
    struct weir_error e;
    mkdir(WEIR_TEST_FOLDER, 0700);
    mkdir(WEIR_TEST_FOLDER "/home", 0700);
    mkdir(WEIR_TEST_FOLDER "/home/.config", 0700);
    mkdir(WEIR_TEST_FOLDER "/home/.config/weir", 0700);
    mkdir(WEIR_TEST_FOLDER "/xdg", 0700);
    mkdir(WEIR_TEST_FOLDER "/xdg/weir", 0700);
    write_file("home/.config/weir/weir.yaml", "slots: 1\n");
    write_file("xdg/weir/weir.yaml", "slots: 2\n");
    write_file("named.yaml", "slots: 3\n");
    setenv("HOME", WEIR_TEST_FOLDER "/home", 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("WEIR_CONFIG");
    CU_ASSERT_EQUAL(read_config(NULL, &c, &e), WEIR_OK);
    CU_ASSERT_EQUAL(c.slots, 1);
    setenv("XDG_CONFIG_HOME", WEIR_TEST_FOLDER "/xdg", 1);
    CU_ASSERT_EQUAL(read_config(NULL, &c, &e), WEIR_OK);
    CU_ASSERT_EQUAL(c.slots, 2);
    setenv("WEIR_CONFIG", WEIR_TEST_FOLDER "/named.yaml", 1);
    CU_ASSERT_EQUAL(read_config(NULL, &c, &e), WEIR_OK);
    CU_ASSERT_EQUAL(c.slots, 3);
    CU_ASSERT_EQUAL(read_config(write_file("given.yaml", "slots: 5\n"), &c, &e), WEIR_OK);
    CU_ASSERT_EQUAL(c.slots, 5);
    setenv("WEIR_CONFIG", "/dev/null", 1);
    CU_ASSERT_EQUAL(read_config(NULL, &c, &e), WEIR_OK);
    CU_ASSERT_EQUAL(c.slots, 0);
    setenv("XDG_CONFIG_HOME", WEIR_TEST_FOLDER "/nowhere", 1);
    unsetenv("WEIR_CONFIG");
    CU_ASSERT_EQUAL(read_config(NULL, &c, &e), WEIR_OK); /* none is fine */
}

static uint32_t parallelism_of(struct stage *g, uint32_t node)
{
    struct weir_job_status s;
    expect_ok(g, weir_job_start(g->job, &g->error));
    CU_ASSERT(weir_job_wait(g->job, -1));
    weir_job_status(g->job, &s);
    uint32_t p = s.nodes[node].parallelism;
    weir_job_status_free(&s);
    weir_job_destroy(g->job);
    g->job = NULL;
    return p;
}
static void load(struct stage *g, const char *defaults, const char *node, uint32_t parallelism)
{
    char text[512];
    snprintf(text, sizeof text,
             "job: p\n%snodes:\n  - {id: in, source: {sequence: {to: 3}}%s}\n  - {id: out, from: in, sink: discard}\n",
             defaults, node);
    const struct weir_job_options o = {.struct_size = sizeof o, .parallelism = parallelism};
    expect_ok(g, weir_job_load(g->runtime, write_file("p.yaml", text), &o, &g->job, &g->error));
}

static void parallelism_node_then_command_then_manifest_then_configuration(void)
{
    struct stage g;
    stage_init(&g, write_file("four.yaml", "parallelism: 4\n"));
    load(&g, "", "", 0);
    CU_ASSERT_EQUAL(parallelism_of(&g, 0), 4);
    load(&g, "defaults: {parallelism: 3}\n", "", 0);
    CU_ASSERT_EQUAL(parallelism_of(&g, 0), 3);
    load(&g, "defaults: {parallelism: 3}\n", "", 2);
    CU_ASSERT_EQUAL(parallelism_of(&g, 0), 2);
    load(&g, "defaults: {parallelism: 3}\n", ", parallelism: 5", 2);
    CU_ASSERT_EQUAL(parallelism_of(&g, 0), 5);
    stage_end(&g);
    stage_init(&g, NULL);
    load(&g, "", "", 0);
    CU_ASSERT_EQUAL(parallelism_of(&g, 0), 1);
    stage_end(&g);
}

static void a_job_that_needs_more_slots_does_not_start(void)
{
    struct stage g;
    stage_init(&g, write_file("slots.yaml", "slots: 2\n"));
    load(&g, "", "", 2);
    CU_ASSERT_EQUAL(parallelism_of(&g, 0), 2);
    load(&g, "", "", 3);
    CU_ASSERT_EQUAL(weir_job_start(g.job, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "the job needs 3 slots, but the configuration file allows 2");
    stage_end(&g);
}

WEIR_SUITE(config) = {{"it says what this machine gives", it_says_what_this_machine_gives},
                      {"mistakes in it are told", mistakes_in_it_are_told},
                      {"the usual places, in order", the_usual_places_in_order},
                      {"parallelism: node, then command, then manifest, then configuration",
                       parallelism_node_then_command_then_manifest_then_configuration},
                      {"a job that needs more slots does not start", a_job_that_needs_more_slots_does_not_start},
                      {NULL, NULL}};
