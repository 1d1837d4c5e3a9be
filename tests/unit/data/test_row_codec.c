/* test_row_codec.c - packed rows, against msgpack-c. */
#include "data/msgpack_get.h"
#include "data/row_codec.h"

#include <msgpack.h>

#include "data/key.h"
#include "unit/data/random_rows.h"

/* The same row through msgpack-c. */
static void pack_with_msgpack(msgpack_sbuffer *to, const struct table *t, int64_t row)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, to, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, t->n_columns);
    for (uint32_t c = 0; c < t->n_columns; c++) {
        const struct cell *cell = cell_at(t, row, c);
        float f;
        double d;
        memcpy(&f, &cell->bits, 4);
        memcpy(&d, &cell->bits, 8);
        switch (cell->null ? 0 : weir_schema_field_at(t->schema, c)->type) {
        case WEIR_BOOL: cell->bits ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk); break;
        case WEIR_I32: msgpack_pack_int32(&pk, (int32_t)cell->bits); break;
        case WEIR_I64:
        case WEIR_TIMESTAMP: msgpack_pack_int64(&pk, (int64_t)cell->bits); break;
        case WEIR_F32: msgpack_pack_float(&pk, f); break;
        case WEIR_F64: msgpack_pack_double(&pk, d); break;
        case WEIR_STRING: msgpack_pack_str(&pk, cell->n), msgpack_pack_str_body(&pk, cell->bytes, cell->n); break;
        case WEIR_BYTES: msgpack_pack_bin(&pk, cell->n), msgpack_pack_bin_body(&pk, cell->bytes, cell->n); break;
        case WEIR_ANY: msgpack_sbuffer_write(to, cell->bytes, cell->n); break;
        default: msgpack_pack_nil(&pk);
        }
    }
}

static void equals_msgpack_c(void)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct weir_random r = {seed};
        struct table t = random_table(&r, schema_of_all_types(), 100, (unsigned)(seed % 4) * 30);
        struct weir_rows *all = rows_of(NULL, &t), *rows = weir_rows_slice(NULL, all, 3, 97), *back;
        struct weir_key_bytes packed = {0};
        struct weir_builder b;
        struct weir_error e = {0};
        int32_t forgotten;
        CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, NULL, t.schema, NULL, 0, 97, false, false, NULL), WEIR_OK);
        for (int64_t row = 0; row < 97; row++) {
            msgpack_sbuffer expected;
            msgpack_unpacked whole;
            size_t end = 0;
            msgpack_sbuffer_init(&expected);
            pack_with_msgpack(&expected, &t, row + 3);
            packed.n = 0;
            CU_ASSERT_EQUAL(weir_row_pack(&packed, &rows->view, row), WEIR_OK);
            CU_ASSERT_TRUE(packed.n == expected.size && memcmp(packed.p, expected.data, packed.n) == 0);
            msgpack_unpacked_init(&whole);
            CU_ASSERT_EQUAL(msgpack_unpack_next(&whole, (const char *)packed.p, packed.n, &end), MSGPACK_UNPACK_SUCCESS);
            CU_ASSERT_EQUAL(end, packed.n);
            CU_ASSERT_TRUE(weir_is_msgpack(packed.p, packed.n));
            CU_ASSERT_FALSE(weir_is_msgpack(packed.p, packed.n - 1));
            msgpack_unpacked_destroy(&whole);
            msgpack_sbuffer_destroy(&expected);
            CU_ASSERT_EQUAL(weir_row_unpack(packed.p, packed.n, &b, &e), WEIR_OK);
            b.out.length++;
        }
        back = weir_builder_take(&b, 0, NULL, &forgotten);
        CU_ASSERT_EQUAL(forgotten, -1);
        CU_ASSERT_TRUE(holds_rows(&back->view, &t, NULL, 3, 97, false));
        weir_rows_release(back);
        weir_builder_finish(&b);
        weir_key_bytes_finish(&packed);
        weir_rows_release(rows);
        weir_rows_release(all);
        finish_table(&t);
    }
}

/* One column of one type: what a byte sequence reads as. */
struct reader {
    struct weir_schema *schema;
    struct weir_builder b;
    struct weir_error e;
};

static void open_reader(struct reader *r, weir_type type, bool nullable)
{
    struct weir_schema_builder sb = {0};
    weir_schema_builder_add(&sb, "x", type, nullable);
    r->schema = weir_schema_build(&sb);
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&r->b, NULL, r->schema, NULL, 0, 4, false, false, NULL), WEIR_OK);
}

static void close_reader(struct reader *r)
{
    weir_builder_finish(&r->b);
    weir_schema_release(r->schema);
}

static weir_status read_one(struct reader *r, const char *bytes, size_t n)
{
    return weir_row_unpack((const uint8_t *)bytes, n, &r->b, &r->e);
}
#define READ(r, bytes) read_one(r, bytes, sizeof(bytes) - 1)

static void reads_every_form(void)
{
    struct reader r;
    const int64_t *v;
    open_reader(&r, WEIR_I64, false);
    v = r.b.columns[0].data;
    CU_ASSERT_EQUAL(READ(&r, "\x91\xcf\0\0\0\0\0\0\0\x05"), WEIR_OK);
    CU_ASSERT_EQUAL(v[0], 5);
    CU_ASSERT_EQUAL(READ(&r, "\xdc\0\1\xd3\xff\xff\xff\xff\xff\xff\xff\xfe"), WEIR_OK); /* array 16 */
    CU_ASSERT_EQUAL(v[0], -2);
    CU_ASSERT_EQUAL(READ(&r, "\xdd\0\0\0\1\xd0\x80"), WEIR_OK);
    CU_ASSERT_EQUAL(v[0], -128);
    CU_ASSERT_EQUAL(READ(&r, "\x91\xd1\x00\x80"), WEIR_OK);
    CU_ASSERT_EQUAL(v[0], 128);
    CU_ASSERT_EQUAL(READ(&r, "\x91\xcf\x80\0\0\0\0\0\0\0"), WEIR_E_DATA); /* 2^63 */
    CU_ASSERT_EQUAL(READ(&r, "\x91\xcb\0\0\0\0\0\0\0\0"), WEIR_E_DATA);   /* a float is no integer */
    close_reader(&r);
    open_reader(&r, WEIR_I32, false);
    CU_ASSERT_EQUAL(READ(&r, "\x91\xce\x7f\xff\xff\xff"), WEIR_OK);
    CU_ASSERT_EQUAL(READ(&r, "\x91\xce\x80\0\0\0"), WEIR_E_DATA);
    close_reader(&r);
    open_reader(&r, WEIR_STRING, true);
    CU_ASSERT_EQUAL(READ(&r, "\x91\xdb\0\0\0\2hi"), WEIR_OK);
    CU_ASSERT_EQUAL(r.b.columns[0].offsets[1], 2);
    CU_ASSERT_EQUAL(READ(&r, "\x91\xc0"), WEIR_OK);
    CU_ASSERT_EQUAL(r.b.columns[0].offsets[1], 0);
    CU_ASSERT_EQUAL(READ(&r, "\x91\xda\0\1x"), WEIR_OK); /* present again */
    CU_ASSERT_EQUAL(r.b.columns[0].validity[0], 0xff);
    CU_ASSERT_EQUAL(READ(&r, "\x91\xa1\xff"), WEIR_E_DATA); /* not UTF-8 */
    close_reader(&r);
}

static void says_what_it_expected(void)
{
    struct reader r;
    open_reader(&r, WEIR_F64, false);
    CU_ASSERT_EQUAL(READ(&r, "\x91\xc0"), WEIR_E_DATA);
    CU_ASSERT_STRING_EQUAL(r.e.text, "packed row, byte 1: expected field 'x' (f64), found the byte 0xc0");
    CU_ASSERT_EQUAL(READ(&r, "\x91"), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(r.e.text, "found the end");
    CU_ASSERT_EQUAL(READ(&r, "\x92\x01\x02"), WEIR_E_DATA);
    CU_ASSERT_STRING_EQUAL(r.e.text, "packed row: it has 2 fields, the schema 1");
    CU_ASSERT_EQUAL(READ(&r, "\x91\xcb\0\0\0\0\0\0\0\0\1"), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(r.e.text, "1 bytes follow its last field");
    CU_ASSERT_EQUAL(READ(&r, ""), WEIR_E_DATA);
    CU_ASSERT_EQUAL(READ(&r, "\xa1x"), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(r.e.text, "not a msgpack array");
    close_reader(&r);
}

static void bounds_nesting(void)
{
    uint8_t deep[200];
    memset(deep, 0x91, sizeof deep); /* arrays of one in arrays of one */
    deep[63] = 1;
    CU_ASSERT_TRUE(weir_is_msgpack(deep, 64));
    deep[63] = 0x91;
    deep[199] = 1;
    CU_ASSERT_FALSE(weir_is_msgpack(deep, 200));
    CU_ASSERT_FALSE(
        weir_is_msgpack((const uint8_t *)"\xdd\xff\xff\xff\xff", 5)); /* four billion elements that are not there */
    CU_ASSERT_FALSE(weir_is_msgpack((const uint8_t *)"\xc1", 1));
    CU_ASSERT_FALSE(weir_is_msgpack((const uint8_t *)"", 0));
    CU_ASSERT_TRUE(weir_is_msgpack((const uint8_t *)"\xc7\x02\x05xy", 5));
    CU_ASSERT_TRUE(weir_is_msgpack((const uint8_t *)"\x82\xa1" "a\x01\xa1" "b\x92\xc2\xc3", 9));
}

/* Whatever the bytes are, the answer is a row or WEIR_E_DATA: msgpack-c is asked too whether they are msgpack at all. */
static void survives_broken_bytes(void)
{
    struct weir_random r = {77};
    struct table t = random_table(&r, schema_of_all_types(), 200, 30);
    struct weir_rows *rows = rows_of(NULL, &t);
    struct weir_key_bytes packed = {0};
    struct weir_builder b;
    struct weir_error e;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, NULL, t.schema, NULL, 0, 4, false, false, NULL), WEIR_OK);
    for (int k = 0; k < 20000; k++) {
        packed.n = 0;
        CU_ASSERT_EQUAL(weir_row_pack(&packed, &rows->view, k % 200), WEIR_OK);
        for (uint64_t i = weir_random_below(&r, 4); i < 3; i++) {
            packed.p[weir_random_below(&r, packed.n)] = (uint8_t)weir_random_next(&r);
        }
        size_t n = weir_random_below(&r, 2) ? packed.n : weir_random_below(&r, packed.n + 1);
        uint8_t *exact = memcpy(weir_alloc(n + 1), packed.p, n); /* so that a read beyond shows */
        exact = weir_try_realloc(exact, n ? n : 1);
        weir_status s = weir_row_unpack(exact, n, &b, &e);
        CU_ASSERT_TRUE(s == WEIR_OK || s == WEIR_E_DATA);
        if (s == WEIR_OK) CU_ASSERT_TRUE(weir_is_msgpack(exact, n));
        if (memchr(exact, 0xdd, n) || memchr(exact, 0xdf, n)) { /* msgpack-c would allocate what 32-bit counts announce */
            weir_free(exact);
            continue;
        }
        msgpack_unpacked whole;
        size_t end = 0;
        msgpack_unpacked_init(&whole);
        bool valid = msgpack_unpack_next(&whole, (const char *)exact, n, &end) == MSGPACK_UNPACK_SUCCESS && end == n;
        CU_ASSERT_EQUAL(valid, weir_is_msgpack(exact, n));
        msgpack_unpacked_destroy(&whole);
        weir_free(exact);
    }
    weir_builder_finish(&b);
    weir_key_bytes_finish(&packed);
    weir_rows_release(rows);
    finish_table(&t);
}

WEIR_SUITE(row_codec) = {
    {"writes the bytes of msgpack-c and reads them back", equals_msgpack_c},
    {"reads every form that a writer may choose", reads_every_form},
    {"says what it expected and what it found", says_what_it_expected},
    {"bounds nesting and counts", bounds_nesting},
    {"survives broken bytes", survives_broken_bytes},
    {NULL, NULL},
};
