/* test_log.c - levels, subsystems and the shape of a line. */
#include "base/log.h"

#include <string.h>

#include "base/text.h"
#include "harness/suite.h"

static struct weir_text seen;

static void keep(void *arg, const char *line)
{
    (void)arg;
    weir_text_add(&seen, "%s", line);
}

static void begin(const char *spec)
{
    struct weir_error e;
    CU_ASSERT_EQUAL(weir_log_configure(spec, &e), WEIR_OK);
    weir_log_redirect(keep, NULL);
}

static void end(void)
{
    weir_log_redirect(NULL, NULL);
    CU_ASSERT_EQUAL(weir_log_configure(NULL, NULL), WEIR_OK);
    weir_text_finish(&seen);
}

static void writes_lines(void)
{
    begin(NULL);
    weir_log(WEIR_INFO, "task", "slot %d is idle", 3);
    weir_log(WEIR_DEBUG, "task", "not seen");
    const char *line = weir_text_get(&seen);
    WEIR_ASSERT_CONTAINS(line, "Z info  task: slot 3 is idle\n");
    CU_ASSERT_PTR_NULL(strstr(line, "not seen"));
    end();
}

static void filters_by_subsystem(void)
{
    begin("warn,checkpoint:debug,task:debug,loader:error");
    CU_ASSERT_TRUE(weir_log_enabled(WEIR_DEBUG, "checkpoint"));
    CU_ASSERT_TRUE(weir_log_enabled(WEIR_DEBUG, "task"));
    CU_ASSERT_TRUE(weir_log_enabled(WEIR_WARN, "job"));
    CU_ASSERT_FALSE(weir_log_enabled(WEIR_INFO, "job"));
    CU_ASSERT_FALSE(weir_log_enabled(WEIR_WARN, "loader"));
    CU_ASSERT_FALSE(weir_log_enabled(WEIR_INFO, "some other"));
    end();
    begin("task:debug,error"); /* the order does not matter */
    CU_ASSERT_TRUE(weir_log_enabled(WEIR_DEBUG, "task"));
    CU_ASSERT_FALSE(weir_log_enabled(WEIR_WARN, "job"));
    end();
}

static void refuses_unknown_words(void)
{
    struct weir_error e;
    CU_ASSERT_EQUAL(weir_log_configure("wran", &e), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(e.text, "unknown level 'wran'; did you mean 'warn'?");
    CU_ASSERT_EQUAL(weir_log_configure("info,taks:debug", &e), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(e.text, "unknown subsystem 'taks'; did you mean 'task'?");
    CU_ASSERT_EQUAL(weir_log_configure("task:", &e), WEIR_E_CONFIG);
    end();
}

static void bounds_long_lines(void)
{
    char text[10000];
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = 0;
    begin(NULL);
    weir_log(WEIR_ERROR, "job", "%s", text);
    CU_ASSERT(seen.n > 4000 && seen.n < 4400);
    WEIR_ASSERT_CONTAINS(weir_text_get(&seen), "yyy...\n");
    end();
}

WEIR_SUITE(log) = {
    {"writes time, level, subsystem and message", writes_lines},
    {"filters by subsystem", filters_by_subsystem},
    {"refuses unknown levels and subsystems with a suggestion", refuses_unknown_words},
    {"cuts lines that are too long", bounds_long_lines},
    {NULL, NULL},
};
