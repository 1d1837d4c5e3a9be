/* State declarations: what is refused, what is copied; equality and hash of structs. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/suite.h"
#include "state/state.h"

struct sample {
    bool flag;
    int32_t small;
    int64_t large;
    float single;
    double real;
    weir_str text;
};
#define MEMBER(m, t)                                                                                         \
    {                                                                                                        \
        .name = #m, .type = t, .offset = offsetof(struct sample, m), .size = sizeof(((struct sample *)0)->m) \
    }
static const weir_field members[] = {MEMBER(flag, WEIR_BOOL),  MEMBER(small, WEIR_I32), MEMBER(large, WEIR_TIMESTAMP),
                                     MEMBER(single, WEIR_F32), MEMBER(real, WEIR_F64),  MEMBER(text, WEIR_STRING)};
static const uint32_t n_members = WEIR_LEN(members);

static weir_state sample_state(weir_state_kind kind)
{
    weir_state s = {.name = "sample",
                    .kind = kind,
                    .version = 3,
                    .size = sizeof(struct sample),
                    .n_fields = n_members,
                    .fields = members,
                    .field_stride = sizeof(weir_field)};
    if (kind == WEIR_MAP) {
        s.key_size = sizeof(struct sample);
        s.n_key_fields = n_members;
        s.key_fields = members;
    }
    return s;
}

static void copies_what_it_is_given(void)
{
    struct wide { /* as a later minor of the ABI will pass it */
        weir_field field;
        uint64_t news;
    } wide[WEIR_LEN(members)];
    size_t blocks = weir_allocated_blocks();
    for (uint32_t i = 0; i < n_members; i++) wide[i] = (struct wide){members[i], 77};
    weir_state state = sample_state(WEIR_MAP);
    state.fields = state.key_fields = &wide[0].field;
    state.field_stride = sizeof wide[0];
    struct weir_state_layout l;
    CU_ASSERT_EQUAL(weir_state_layout_init(&l, &state, NULL), WEIR_OK);
    memset(wide, 0, sizeof wide);
    CU_ASSERT_STRING_EQUAL(l.name, "sample");
    CU_ASSERT(l.kind == WEIR_MAP && l.version == 3 && l.size == sizeof(struct sample) && l.n_fields == n_members);
    for (uint32_t i = 0; i < n_members; i++) {
        CU_ASSERT_STRING_EQUAL(l.fields[i].name, members[i].name);
        CU_ASSERT_EQUAL(l.key_fields[i].offset, members[i].offset);
    }
    weir_state_layout_finish(&l);
    weir_state_layout_finish(&l);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void refused(weir_state state, const char *part)
{
    struct weir_state_layout l;
    struct weir_error error = {0};
    CU_ASSERT_EQUAL(weir_state_layout_init(&l, &state, &error), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(error.text, part);
    CU_ASSERT_PTR_NULL(l.fields);
}

/* The declaration with one member changed. */
static void member_refused(uint32_t i, weir_field changed, const char *part)
{
    weir_field fields[WEIR_LEN(members)];
    memcpy(fields, members, sizeof fields);
    fields[i] = changed;
    weir_state state = sample_state(WEIR_VALUE);
    state.fields = fields;
    refused(state, part);
    state = sample_state(WEIR_MAP);
    state.key_fields = fields;
    refused(state, "the map key");
}

static void refuses_bad_members(void)
{
    size_t blocks = weir_allocated_blocks();
    member_refused(1, (weir_field){.name = "small", .type = 10, .offset = 4, .size = 4}, "has type 10");
    member_refused(1, (weir_field){.name = "small", .type = 0, .offset = 4, .size = 4}, "has type 0");
    member_refused(1, (weir_field){.name = "small", .type = WEIR_I64, .offset = 4, .size = 4}, "its type i64 takes 8");
    member_refused(1, (weir_field){.name = "small", .type = WEIR_I32, .offset = 6, .size = 4}, "offset 6");
    member_refused(1, (weir_field){.name = "small", .type = WEIR_I32, .offset = sizeof(struct sample), .size = 4}, "offset");
    member_refused(1, (weir_field){.name = "small", .type = WEIR_I32, .offset = UINT32_MAX - 3, .size = 4},
                   "offset 4294967292");
    member_refused(1, (weir_field){.name = "small", .type = WEIR_I32, .offset = 12, .size = 4}, "'small' and 'large'");
    member_refused(1, (weir_field){.name = "real", .type = WEIR_I32, .offset = 4, .size = 4}, "two members named 'real'");
    member_refused(1, (weir_field){.name = NULL, .type = WEIR_I32, .offset = 4, .size = 4}, "member 2");
    member_refused(1, (weir_field){.name = "small", .type = WEIR_I32, .offset = 4, .size = 4, .since = 4},
                   "since version 4");
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void refuses_bad_defaults(void)
{
    const weir_field wrong[] = {{.name = "small", .type = WEIR_I32, .offset = 4, .size = 4, .def = "2147483648"},
                                {.name = "small", .type = WEIR_I32, .offset = 4, .size = 4, .def = "1.5"},
                                {.name = "small", .type = WEIR_F32, .offset = 4, .size = 4, .def = "many"},
                                {.name = "small", .type = WEIR_F32, .offset = 4, .size = 4, .def = ""}};
    for (uint32_t i = 0; i < WEIR_LEN(wrong); i++) member_refused(1, wrong[i], "has the default");
}

static void refuses_bad_states(void)
{
    weir_state s = sample_state(WEIR_VALUE);
    s.kind = 99;
    refused(s, "of kind 99");
    s = sample_state(WEIR_VALUE);
    s.name = "";
    refused(s, "no name");
    s = sample_state(WEIR_VALUE);
    s.version = 0;
    refused(s, "versions start at 1");
    s = sample_state(WEIR_LIST);
    s.n_fields = 0;
    refused(s, "0 declared members");
    s = sample_state(WEIR_LIST);
    s.key_size = 8;
    refused(s, "only maps");
    s = sample_state(WEIR_MAP);
    s.n_key_fields = 0;
    refused(s, "map key");
    s = sample_state(WEIR_VALUE);
    s.size = 1 << 20;
    refused(s, "1048576 bytes");
    s = sample_state(WEIR_VALUE);
    s.field_stride = 8;
    refused(s, "stride 8");
}

static void a_map_of_nothing_is_a_set(void)
{
    weir_state s = sample_state(WEIR_MAP);
    s.size = s.n_fields = 0;
    struct weir_state_layout l;
    CU_ASSERT_EQUAL(weir_state_layout_init(&l, &s, NULL), WEIR_OK);
    weir_state_layout_finish(&l);
}

/* ---- equality ---------------------------------------------------------------------------------------------------- */

static bool equal(const struct sample *a, const struct sample *b)
{
    bool same = weir_layout_equal(members, n_members, a, b);
    bool same_hash = weir_layout_hash(members, n_members, a) == weir_layout_hash(members, n_members, b);
    CU_ASSERT_EQUAL(same, same_hash); /* 64 bits: no collision here */
    return same;
}

static void equality_is_of_declared_members(void)
{
    struct sample a, b;
    char hello[] = "hello", hello_too[] = "hello";
    memset(&a, 0x11, sizeof a); /* padding differs */
    memset(&b, 0x22, sizeof b);
    a.flag = b.flag = true;
    a.small = b.small = -7;
    a.large = b.large = INT64_MIN;
    a.single = b.single = 1.5f;
    a.real = b.real = 0.25;
    a.text = (weir_str){hello, 5};
    b.text = (weir_str){hello_too, 5};
    CU_ASSERT(equal(&a, &b));
    b.text.n = 4;
    CU_ASSERT_FALSE(equal(&a, &b));
    b.text.n = 5;
    b.small = 7;
    CU_ASSERT_FALSE(equal(&a, &b));
    b.small = -7;
    b.flag = false;
    CU_ASSERT_FALSE(equal(&a, &b));
    a.text = (weir_str){NULL, 0};
    b = a;
    b.text = (weir_str){hello, 0};
    CU_ASSERT(equal(&a, &b));
}

/* As Java's Double.equals: -0.0 differs from 0.0, and NaN equals NaN whatever its bits. */
static void equality_of_floats_is_javas(void)
{
    struct sample a = {.real = 0.0}, b = {.real = -0.0};
    uint64_t other_nan = 0xfff8000000000123u;
    uint32_t other_small_nan = 0xffc00123u;
    CU_ASSERT_FALSE(equal(&a, &b));
    a.real = NAN;
    memcpy(&b.real, &other_nan, 8);
    a.single = NAN;
    memcpy(&b.single, &other_small_nan, 4);
    CU_ASSERT(equal(&a, &b));
    b.single = -0.0f;
    CU_ASSERT_FALSE(equal(&a, &b));
}

WEIR_SUITE(layout) = {
    {"copies what it is given, at its stride", copies_what_it_is_given},
    {"refuses bad defaults", refuses_bad_defaults},
    {"refuses bad members", refuses_bad_members},
    {"refuses bad states", refuses_bad_states},
    {"a map of nothing is a set", a_map_of_nothing_is_a_set},
    {"equality is of declared members", equality_is_of_declared_members},
    {"equality of floats is Java's", equality_of_floats_is_javas},
    {NULL, NULL},
};
