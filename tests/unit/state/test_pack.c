/* What state is packed as: byte by byte what msgpack-c makes of the same values, whatever room there was. */
#include <math.h>
#include <msgpack.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/suite.h"
#include "state/pack.h"

struct sample {
    bool flag;
    int32_t small;
    int64_t large, at;
    float single;
    double real;
    weir_str text, bytes, any;
};
#define MEMBER(m, t)                                                  \
    {                                                                 \
        .name = #m, .type = (t), .offset = offsetof(struct sample, m) \
    }
static const weir_field members[] = {
    MEMBER(text, WEIR_STRING), MEMBER(flag, WEIR_BOOL),   MEMBER(small, WEIR_I32),
    MEMBER(large, WEIR_I64),   MEMBER(bytes, WEIR_BYTES), MEMBER(at, WEIR_TIMESTAMP),
    MEMBER(single, WEIR_F32),  MEMBER(any, WEIR_ANY),     MEMBER(real, WEIR_F64),
};

/* Around every length and number at which the form changes, and at random. */
static const int64_t edges[] = {0, 31, 32, 127, 128, 255, 256, 32767, 32768, 65535, 65536, INT32_MAX, UINT32_MAX};
static char blob[70000];

static int64_t number(struct weir_random *r)
{
    int64_t edge = edges[weir_random_below(r, WEIR_LEN(edges))] + (int64_t)weir_random_below(r, 3) - 1;
    if (weir_random_below(r, 4) == 0) return (int64_t)weir_random_next(r) >> weir_random_below(r, 64);
    return weir_random_below(r, 2) ? edge : -edge;
}

static weir_str text(struct weir_random *r)
{
    size_t n = weir_random_below(r, 50) ? weir_random_below(r, 40) : (size_t)edges[weir_random_below(r, 11)];
    return (weir_str){blob, n < sizeof blob ? n : 0};
}

static void pack_text(msgpack_packer *pk, weir_str s, bool is_string)
{
    if (is_string) {
        msgpack_pack_str(pk, s.n);
        msgpack_pack_str_body(pk, s.p, s.n);
    } else {
        msgpack_pack_bin(pk, s.n);
        msgpack_pack_bin_body(pk, s.p, s.n);
    }
}

static void pack_sample(msgpack_packer *pk, const struct sample *v)
{
    msgpack_pack_array(pk, WEIR_LEN(members));
    pack_text(pk, v->text, true);
    v->flag ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
    msgpack_pack_int32(pk, v->small);
    msgpack_pack_int64(pk, v->large);
    pack_text(pk, v->bytes, false);
    msgpack_pack_int64(pk, v->at);
    msgpack_pack_float(pk, v->single);
    pack_text(pk, v->any, false);
    msgpack_pack_double(pk, v->real);
}

static bool is_same(const struct weir_key_bytes *found, const msgpack_sbuffer *expected)
{
    return found->n == expected->size && memcmp(found->p, expected->data, found->n) == 0;
}

static void packs_structs_as_msgpack_does(void)
{
    struct weir_random r = {41};
    memset(blob, 'x', sizeof blob);
    for (int i = 0; i < 20000; i++) {
        struct sample v = {.flag = weir_random_below(&r, 2),
                           .small = (int32_t)number(&r),
                           .large = number(&r),
                           .at = number(&r),
                           .single = (float)number(&r),
                           .real = i % 7 ? (double)number(&r) : NAN,
                           .text = text(&r),
                           .bytes = text(&r),
                           .any = text(&r)};
        struct weir_key_bytes found = {0};
        msgpack_sbuffer expected;
        msgpack_packer pk;
        msgpack_sbuffer_init(&expected);
        msgpack_packer_init(&pk, &expected, msgpack_sbuffer_write);
        pack_sample(&pk, &v);
        CU_ASSERT_FATAL(weir__pack_struct(&found, members, WEIR_LEN(members), &v));
        CU_ASSERT_FATAL(is_same(&found, &expected));
        msgpack_sbuffer_destroy(&expected);
        weir_key_bytes_finish(&found);
    }
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

/* Of the fields flag, small, large, single, real, name: as bytes (data/key.h), and beside it packed. */
struct key {
    struct weir_key_bytes bytes;
    msgpack_sbuffer packed;
};

static void add(struct key *k, const void *p, size_t n)
{
    CU_ASSERT_FATAL(weir_key_bytes_add(&k->bytes, p, n));
}

static void make_key(struct key *k, struct weir_random *r)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, &k->packed, msgpack_sbuffer_write);
    uint8_t flag = (uint8_t)weir_random_below(r, 2);
    int32_t small = (int32_t)number(r);
    int64_t large = number(r);
    float single = (float)number(r);
    double real = (double)number(r);
    weir_str name = text(r);
    uint32_t n = (uint32_t)name.n;
    add(k, &flag, 1);
    add(k, &small, 4);
    add(k, &large, 8);
    add(k, &single, 4);
    add(k, &real, 8);
    add(k, &n, 4);
    add(k, name.p, n);
    msgpack_pack_array(&pk, 6);
    flag ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk);
    msgpack_pack_int32(&pk, small);
    msgpack_pack_int64(&pk, large);
    msgpack_pack_float(&pk, single);
    msgpack_pack_double(&pk, real);
    pack_text(&pk, name, true);
}

static struct weir_schema *key_schema(void)
{
    static const struct {
        const char *name;
        weir_type type;
    } fields[] = {{"flag", WEIR_BOOL},  {"small", WEIR_I32}, {"large", WEIR_TIMESTAMP},
                  {"single", WEIR_F32}, {"real", WEIR_F64},  {"name", WEIR_STRING}};
    struct weir_schema_builder b = {0};
    for (size_t i = 0; i < WEIR_LEN(fields); i++) weir_schema_builder_add(&b, fields[i].name, fields[i].type, false);
    return weir_schema_build(&b);
}

static void packs_entry_heads_as_msgpack_does(void)
{
    struct weir_random r = {42};
    struct weir_schema *schema = key_schema();
    memset(blob, 'k', sizeof blob);
    for (int i = 0; i < 20000; i++) {
        struct key key = {0};
        struct weir_key_bytes found = {0};
        msgpack_sbuffer expected;
        msgpack_packer pk;
        uint32_t group = (uint32_t)weir_random_below(&r, 32768);
        int64_t state = (int64_t)weir_random_below(&r, 10) - 2, ns = number(&r);
        msgpack_sbuffer_init(&key.packed);
        make_key(&key, &r);
        const struct weir_key_ref ref = {.p = key.bytes.p, .n = (uint32_t)key.bytes.n, .group = group};
        CU_ASSERT_FATAL(weir__pack_entry_head(&found, schema, state, ns, &ref));
        msgpack_sbuffer_init(&expected);
        msgpack_packer_init(&pk, &expected, msgpack_sbuffer_write);
        msgpack_pack_array(&pk, 5);
        msgpack_pack_uint32(&pk, group);
        msgpack_pack_int64(&pk, state);
        msgpack_pack_int64(&pk, ns);
        msgpack_sbuffer_write(&expected, key.packed.data, key.packed.size);
        CU_ASSERT_FATAL(is_same(&found, &expected));
        msgpack_sbuffer_destroy(&expected);
        msgpack_sbuffer_destroy(&key.packed);
        weir_key_bytes_finish(&key.bytes);
        weir_key_bytes_finish(&found);
    }
    weir_schema_release(schema);
}

WEIR_SUITE(pack) = {{"packs structs as msgpack does", packs_structs_as_msgpack_does},
                    {"packs entry heads as msgpack does", packs_entry_heads_as_msgpack_does},
                    {NULL, NULL}};
