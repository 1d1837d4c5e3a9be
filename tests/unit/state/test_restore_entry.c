/* Entries that no weir has packed: any form that a msgpack writer may choose is read; what is no such entry is refused. */
#include <string.h>

#include "base/alloc.h"
#include "harness/suite.h"
#include "state/snapshot.h"

struct value {
    int64_t count;
    int32_t small;
    bool yes;
    double real;
    weir_str text;
};
#define MEMBER(m, t)                                                                                         \
    {                                                                                                        \
        .name = #m, .type = (t), .offset = offsetof(struct value, m), .size = sizeof(((struct value *)0)->m) \
    }
static const weir_field members[] = {MEMBER(count, WEIR_I64), MEMBER(small, WEIR_I32), MEMBER(yes, WEIR_BOOL),
                                     MEMBER(real, WEIR_F64), MEMBER(text, WEIR_STRING)};
static const weir_state values = {.name = "values",
                                  .kind = WEIR_VALUE,
                                  .version = 1,
                                  .size = sizeof(struct value),
                                  .fields = members,
                                  .n_fields = WEIR_LEN(members),
                                  .field_stride = sizeof(weir_field)};
#define GROUP 3

struct stage {
    struct weir_state_layout layout;
    struct weir_schema *key;
    struct weir_state_set *set;
    struct weir_restore *restore;
    struct weir_error error;
};

static void set_up(struct stage *g)
{
    struct weir_snapshot empty = {0};
    struct weir_schema_builder key = {0};
    *g = (struct stage){0};
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&g->layout, &values, &g->error), WEIR_OK);
    weir_schema_builder_add(&key, "user", WEIR_I32, false);
    g->key = weir_schema_build(&key);
    g->set = weir_heap_state_create(&g->layout, 1, 0, GROUP);
    CU_ASSERT_EQUAL_FATAL(weir_snapshot_keyed(&empty, g->set, NULL, g->key, 0, GROUP, &g->error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_restore_create(empty.header.p, empty.header.n, &g->layout, 1, g->key, &g->restore, &g->error),
                          WEIR_OK);
    weir_snapshot_finish(&empty);
}

static void tear_down(struct stage *g)
{
    weir_restore_destroy(g->restore);
    g->set->ops->destroy(g->set);
    weir_state_layout_finish(&g->layout);
    weir_schema_release(g->key);
}

/* In a block of its own, so that a read beyond it is seen. */
static weir_status restore(struct stage *g, const void *entry, size_t n)
{
    uint8_t *copy = weir_alloc(n + (n == 0));
    memcpy(copy, entry, n);
    weir_status s = weir_restore_group(g->restore, copy, n, GROUP, g->set, NULL, &g->error);
    weir_free(copy);
    return s;
}

static const struct value *value_of(struct stage *g, int32_t user)
{
    const struct weir_key_ref key = {(const uint8_t *)&user, 4, GROUP, weir_key_hash64(&user, 4)};
    return g->set->ops->value_get(g->set, 0, &key, 7);
}

/* [3, 0, 7, [user], [count, small, yes, real, text]], as short as can be. */
static const char shortest[] = "\x95\x03\x00\x07\x91\x05\x95\x2a\xfe\xc3\xcb\x3f\xf8\0\0\0\0\0\0\xa2hi";
/* The same with the longest form of everything, bytes in the place of a text, and an f32 in that of an f64. */
static const char longest[] =
    "\xdd\0\0\0\x05"
    "\xcf\0\0\0\0\0\0\0\x03"
    "\xd3\0\0\0\0\0\0\0\0"
    "\xd0\x07"
    "\xdc\0\x01\xd2\0\0\0\x05"
    "\xdd\0\0\0\x05\xcd\0\x2a\xd3\xff\xff\xff\xff\xff\xff\xff\xfe\xc3\xca\x3f\xc0\0\0\xc6\0\0\0\x02hi";

static void expect_read(const char *entry, size_t n)
{
    struct stage g;
    set_up(&g);
    CU_ASSERT_EQUAL(restore(&g, entry, n), WEIR_OK);
    const struct value *v = value_of(&g, 5);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT(v->count == 42 && v->small == -2 && v->yes && v->real == 1.5 && v->text.n == 2);
    CU_ASSERT_EQUAL(memcmp(v->text.p, "hi", 2), 0);
    tear_down(&g);
}

static void any_form_is_read(void)
{
    expect_read(shortest, sizeof shortest - 1);
    expect_read(longest, sizeof longest - 1);
}

/* An integer was widened to a float by the rules: each form of one is a number. */
static void an_integer_is_a_number(void)
{
    struct stage g;
    char entry[] = "\x95\x03\x00\x07\x91\x05\x95\x2a\xfe\xc3\xd1\xff\x00\xa0";
    set_up(&g);
    CU_ASSERT_EQUAL(restore(&g, entry, sizeof entry - 1), WEIR_OK);
    CU_ASSERT(value_of(&g, 5) && value_of(&g, 5)->real == -256);
    tear_down(&g);
}

static void expect_refused(const char *entry, size_t n, const char *why)
{
    struct stage g;
    set_up(&g);
    CU_ASSERT_EQUAL(restore(&g, entry, n), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.error.text, why);
    tear_down(&g);
}
#define REFUSED(entry, why) expect_refused("" entry, sizeof(entry) - 1, why)

static void what_is_no_entry_is_refused(void)
{
    for (size_t n = 1; n < sizeof shortest - 1; n++) expect_refused(shortest, n, "the file is damaged");
    for (size_t n = 1; n < sizeof longest - 1; n++) expect_refused(longest, n, "the file is damaged");
    REFUSED("\x94\x03\x00\x07\x91\x05", "an entry of five");
    REFUSED("\x03", "an entry of five");
    REFUSED("\x95\x04\x00\x07\x91\x05\x90", "this key group");                                  /* another one */
    REFUSED("\x95\x03\x00\x07\x92\x05\x05\x90", "this key group");                              /* a key of two */
    REFUSED("\x95\x03\x00\x07\x91\xce\x80\0\0\0\x90", "this key group");                        /* 2^31 as an i32 */
    REFUSED("\x95\x03\x01\x07\x91\x05\x90", "a state of the header");                           /* there is one */
    REFUSED("\x95\x03\x00\x07\x91\x05\x94\x2a\xfe\xc3\x00", "members of a value");              /* four */
    REFUSED("\x95\x03\x00\x07\x91\x05\x95\xa1x\xfe\xc3\x00\xa0", "members of a value");         /* a text as an i64 */
    REFUSED("\x95\x03\x00\x07\x91\x05\x95\x2a\xfe\x01\x00\xa0", "members of a value");          /* 1 as a bool */
    REFUSED("\x95\x03\x00\x07\x91\x05\x95\x2a\xfe\xc3\x00\x07", "members of a value");          /* 7 as a text */
    REFUSED("\x95\x03\x00\x07\x91\x05\x95\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xc3\x00\xa0", /* 2^64 - 1 as an i64 */
            "members of a value");
    REFUSED("\x95\x03\x00\x07\x91\x05\x95\x2a\xfe\xc3\x00\xdb\xff\xff\xff\xffx", "members of a value"); /* a text of 4 GB */
}

WEIR_SUITE(restore_entry) = {{"any form is read", any_form_is_read},
                             {"an integer is a number", an_integer_is_a_number},
                             {"what is no entry is refused", what_is_no_entry_is_refused},
                             {NULL, NULL}};
