/* test_key.c - hashes and key groups, against Flink's vectors and what Java printed. */
#include "data/key.h"

#include <stdlib.h>

#include "data/bits_internal.h"
#include "unit/data/random_rows.h"

/* ---- the vectors of Flink ---------------------------------------------------------------------------------------- */

/* The hash's key group at max parallelism 128 and the subtask at parallelism 2, 4 and 8. */
static bool lands(int32_t hash, uint32_t group, uint32_t at_2, uint32_t at_4, uint32_t at_8)
{
    uint32_t g = weir_key_group_of(hash, 128);
    return g == group && weir_key_group_subtask(g, 2, 128) == at_2 && weir_key_group_subtask(g, 4, 128) == at_4 &&
           weir_key_group_subtask(g, 8, 128) == at_8;
}

static void vectors_of_integers(void)
{
    CU_ASSERT_TRUE(lands(0, 94, 1, 2, 5));
    CU_ASSERT_TRUE(lands(1, 86, 1, 2, 5));
    CU_ASSERT_TRUE(lands(42, 29, 0, 0, 1));
    CU_ASSERT_TRUE(lands(-1, 80, 1, 2, 5));
    CU_ASSERT_EQUAL(weir_java_hash_i64(-1), 0);
    CU_ASSERT_TRUE(lands(weir_java_hash_i64(-1), 94, 1, 2, 5));
    CU_ASSERT_EQUAL(weir_java_hash_i64((int64_t)1 << 40), 256);
    CU_ASSERT_TRUE(lands(weir_java_hash_i64((int64_t)1 << 40), 54, 0, 1, 3));
    CU_ASSERT_EQUAL(weir_java_hash_i64(42), 42);
}

static void vectors_of_strings(void)
{
    static const struct {
        const char *text;
        int32_t hash;
        uint32_t group, at_2, at_4, at_8;
    } v[] = {{"hello", 99162322, 35, 0, 1, 2},      {"world", 113318802, 66, 1, 2, 4},
             {"flink", 97520992, 98, 1, 3, 6},      {"java", 3254818, 21, 0, 0, 1},
             {"sensor_1", 1262115052, 73, 1, 2, 4}, {"Mary", 2390779, 42, 0, 1, 2},
             {"传感器", 20258889, 119, 1, 3, 7},    {"", 0, 94, 1, 2, 5}};
    for (size_t i = 0; i < WEIR_LEN(v); i++) {
        CU_ASSERT_EQUAL(weir_java_hash_string(v[i].text, strlen(v[i].text)), v[i].hash);
        CU_ASSERT_TRUE(lands(v[i].hash, v[i].group, v[i].at_2, v[i].at_4, v[i].at_8));
    }
    CU_ASSERT_EQUAL(weir_java_hash_string(NULL, 0), 0);
}

static void vectors_of_truth(void)
{
    CU_ASSERT_EQUAL(weir_java_hash_bool(true), 1231);
    CU_ASSERT_EQUAL(weir_java_hash_bool(false), 1237);
    CU_ASSERT_TRUE(lands(weir_java_hash_bool(true), 77, 1, 2, 4));
    CU_ASSERT_TRUE(lands(weir_java_hash_bool(false), 3, 0, 0, 0));
}

/* Printed by Double.hashCode and Float.hashCode of OpenJDK 17. */
static void hashes_floats_as_java(void)
{
    double other_nan;
    uint64_t bits = 0xfff8000000000123u;
    memcpy(&other_nan, &bits, 8);
    CU_ASSERT_EQUAL(weir_java_hash_f64(0.0), 0);
    CU_ASSERT_EQUAL(weir_java_hash_f64(-0.0), INT32_MIN); /* -0.0 differs from 0.0 */
    CU_ASSERT_EQUAL(weir_java_hash_f64(1.5), 1073217536);
    CU_ASSERT_EQUAL(weir_java_hash_f64(__builtin_nan("")), 2146959360);
    CU_ASSERT_EQUAL(weir_java_hash_f64(other_nan), 2146959360); /* NaN equals NaN */
    CU_ASSERT_EQUAL(weir_java_hash_f64(__builtin_inf()), 2146435072);
    CU_ASSERT_EQUAL(weir_java_hash_f64(-1e300), 1983353248);
    CU_ASSERT_EQUAL(weir_java_hash_f64(5e-324), 1);
    CU_ASSERT_EQUAL(weir_java_hash_f64(3.141592653589793), 340593891);
    CU_ASSERT_EQUAL(weir_java_hash_f32(0.0f), 0);
    CU_ASSERT_EQUAL(weir_java_hash_f32(-0.0f), INT32_MIN);
    CU_ASSERT_EQUAL(weir_java_hash_f32(1.5f), 1069547520);
    CU_ASSERT_EQUAL(weir_java_hash_f32(-__builtin_nanf("")), 2143289344);
    CU_ASSERT_EQUAL(weir_java_hash_f32(-__builtin_inff()), -8388608);
}

static size_t from_hex(const char *hex, char *to)
{
    size_t n = 0;
    unsigned byte;
    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) to[n++] = (char)byte;
    return n;
}

/* Printed by new String(bytes, UTF_8).hashCode() of OpenJDK 17. */
static void hashes_utf16_units_not_bytes(void)
{
    static const struct {
        const char *hex;
        int32_t hash;
    } v[] = {{"ff", 65533},
             {"c3", 65533},
             {"c328", 2031563},
             {"e282", 65533},
             {"e28228", 2031563},
             {"eda080", 65533},
             {"edbfbf", 65533},
             {"eda0", 65533},
             {"f09d849e", 1772394},
             {"f09d84", 65533},
             {"f09d8428", 2031563},
             {"f0808080", 2017367872},
             {"f4908080", 2017367872},
             {"c080", 2097056},
             {"e08080", 65074269},
             {"f5808080", 2017367872},
             {"f8888080", 2017367872},
             {"80", 65533},
             {"6162c3", 161788},
             {"e1a0c0af41", 2017302404},
             {"f09f98", 65533},
             {"eda080edb080", 2097056},
             {"efbfbd", 65533},
             {"f48fbfbf", 1803232},
             {"f09080", 65533},
             {"e0a0", 65533},
             {"e080", 2097056},
             {"ed", 65533},
             {"eda041", 2031588},
             {"eda0c3a9", 2031756},
             {"4142434445464748c3a9494a4b4c4d4e4f50", -362356631}};
    for (size_t i = 0; i < WEIR_LEN(v); i++) {
        char bytes[64];
        CU_ASSERT_EQUAL(weir_java_hash_string(bytes, from_hex(v[i].hex, bytes)), v[i].hash);
    }
}

/* 200,000 strings of the bytes that decide what is valid UTF-8; the sum was made by the same loop in Java. */
static void hashes_broken_text_as_java(void)
{
    static const uint8_t pool[] = {0x41, 0x80, 0xbf, 0xa0, 0x90, 0x8f, 0x9f, 0xc0, 0xc2, 0xdf,
                                   0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xf8, 0xff};
    struct weir_random r = {42};
    uint64_t sum = 0;
    for (int k = 0; k < 200000; k++) {
        char text[13];
        size_t n = (weir_random_next(&r) >> 1) % 13;
        for (size_t i = 0; i < n; i++) text[i] = (char)pool[(weir_random_next(&r) >> 1) % WEIR_LEN(pool)];
        sum = sum * 31 + (uint64_t)(int64_t)weir_java_hash_string(text, n);
    }
    CU_ASSERT_EQUAL((int64_t)sum, 6683629745215716057);
}

static void ascii_of_every_length(void)
{
    struct weir_random r = {8};
    char text[100];
    for (size_t n = 0; n < sizeof text; n++) {
        uint32_t h = 0;
        for (size_t i = 0; i < n; i++) text[i] = (char)weir_random_below(&r, 128);
        for (size_t i = 0; i < n; i++) h = h * 31 + (uint32_t)text[i];
        CU_ASSERT_EQUAL(weir_java_hash_string(text, n), (int32_t)h);
    }
}

/* ---- key groups -------------------------------------------------------------------------------------------------- */

static void default_max_parallelism(void)
{
    static const uint32_t v[][2] = {{1, 128},     {85, 128},      {86, 256},      {171, 256},         {172, 512},
                                    {1000, 2048}, {21845, 32768}, {32768, 32768}, {UINT32_MAX, 32768}};
    for (size_t i = 0; i < WEIR_LEN(v); i++) CU_ASSERT_EQUAL(weir_default_max_parallelism(v[i][0]), v[i][1]);
}

static void ranges_agree_with_subtasks(void)
{
    static const uint32_t most[] = {1, 128, 200, 256, 1000, 32768};
    for (size_t m = 0; m < WEIR_LEN(most); m++) {
        for (uint32_t p = 1; p <= most[m]; p += p < 140 ? 1 : 997) {
            uint32_t next = 0, first, last;
            bool fine = true;
            for (uint32_t i = 0; i < p; i++) {
                weir_key_group_range(i, p, most[m], &first, &last);
                fine &= first == next && last >= first && weir_key_group_subtask(first, p, most[m]) == i &&
                        weir_key_group_subtask(last, p, most[m]) == i;
                next = last + 1;
            }
            CU_ASSERT_TRUE(fine && next == most[m]);
        }
    }
}

static void murmur_is_never_negative(void)
{
    struct weir_random r = {4};
    bool fine = true;
    CU_ASSERT_EQUAL(weir_murmur(-2089875627),
                    0); /* the one hash whose mix is INT32_MIN, which has no positive counterpart */
    for (int k = 0; k < 1000000; k++) {
        int32_t h = (int32_t)weir_random_next(&r);
        uint32_t most = 1 + (uint32_t)weir_random_below(&r, WEIR_MAX_PARALLELISM);
        fine &= weir_murmur(h) >= 0 && weir_key_group_of(h, most) == (uint32_t)weir_murmur(h) % most;
    }
    CU_ASSERT_TRUE(fine);
}

/* ---- key bytes and batches --------------------------------------------------------------------------------------- */

static int32_t slow_java_hash(const struct cell *cell, weir_type type)
{
    float f;
    double d;
    memcpy(&f, &cell->bits, 4);
    memcpy(&d, &cell->bits, 8);
    switch (type) {
    case WEIR_BOOL: return weir_java_hash_bool(cell->bits);
    case WEIR_I32: return (int32_t)cell->bits;
    case WEIR_F32: return weir_java_hash_f32(f);
    case WEIR_F64: return weir_java_hash_f64(d);
    case WEIR_STRING: return weir_java_hash_string(cell->bytes, cell->n);
    default: return weir_java_hash_i64((int64_t)cell->bits);
    }
}

static bool java_equal(const struct cell *a, const struct cell *b, weir_type type)
{
    float f, g;
    double d, e;
    if (type == WEIR_STRING) return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
    memcpy(&f, &a->bits, 4), memcpy(&g, &b->bits, 4);
    memcpy(&d, &a->bits, 8), memcpy(&e, &b->bits, 8);
    if (type == WEIR_F32 && f != f) return g != g;
    if (type == WEIR_F64 && d != d) return e != e;
    return a->bits == b->bits;
}

/* One to three random fields out of those that can be keys, with '?' too (no cell is null). */
static uint32_t choose_fields(struct weir_random *r, uint32_t *fields)
{
    uint32_t n = 1 + (uint32_t)weir_random_below(r, 3);
    for (uint32_t i = 0; i < n; i++) fields[i] = (uint32_t)weir_random_below(r, 2 * WEIR_STRING);
    return n;
}

static weir_type type_at(const struct table *t, uint32_t c)
{
    return (weir_type)weir_schema_field_at(t->schema, c)->type;
}

static void check_keys(const struct weir_rows *rows, const struct table *t, const uint32_t *fields, uint32_t n,
                       uint32_t most, int64_t from)
{
    struct weir_key_bytes key = {0}, first = {0};
    bool fine = true;
    CU_ASSERT_EQUAL(weir_key_encode(&first, &rows->view, fields, n, 0), WEIR_OK);
    for (int64_t row = 0; row < rows->view.length; row++) {
        int32_t hash = slow_java_hash(cell_at(t, from + row, fields[0]), type_at(t, fields[0]));
        bool equal = true;
        key.n = 0;
        CU_ASSERT_EQUAL(weir_key_encode(&key, &rows->view, fields, n, row), WEIR_OK);
        for (uint32_t i = 0; i < n; i++) {
            const struct cell *cell = cell_at(t, from + row, fields[i]);
            if (i > 0) hash = (int32_t)((uint32_t)hash * 31 + (uint32_t)slow_java_hash(cell, type_at(t, fields[i])));
            equal &= java_equal(cell, cell_at(t, from, fields[i]), type_at(t, fields[i]));
        }
        fine &= rows->keys.hash[row] == weir_key_hash64(key.p, key.n);
        fine &= rows->keys.key_group[row] == weir_key_group_of(hash, most);
        fine &=
            equal == (key.n == first.n && memcmp(key.p, first.p, key.n) == 0); /* equal keys, equal bytes, and only those */
    }
    CU_ASSERT_TRUE(fine);
    weir_key_bytes_finish(&key);
    weir_key_bytes_finish(&first);
}

static void hashes_batches_like_rows(void)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct weir_random r = {seed};
        struct table t = random_table(&r, schema_of_all_types(), 300, 0);
        struct weir_rows *all = rows_of(NULL, &t), *rows = weir_rows_slice(NULL, all, 11, 280);
        uint32_t fields[3], n = choose_fields(&r, fields), bad_field,
                            most = seed % 2 ? 128 : 1 + (uint32_t)weir_random_below(&r, 32768);
        int64_t bad_row;
        CU_ASSERT_EQUAL(weir_key_rows(NULL, rows, fields, n, most, &bad_row, &bad_field), WEIR_OK);
        check_keys(rows, &t, fields, n, most, 11);
        CU_ASSERT_EQUAL(weir_key_rows(NULL, rows, fields, 1, most, &bad_row, &bad_field), WEIR_OK); /* replaces the keys */
        check_keys(rows, &t, fields, 1, most, 11);
        weir_rows_release(rows);
        weir_rows_release(all);
        finish_table(&t);
    }
}

/* ASCII, but for one byte in every seventh text. */
static void fill_text(struct weir_random *r, char *text, int n)
{
    for (int i = 0; i < n; i++) text[i] = (char)weir_random_below(r, 128);
    if (n % 7 == 3) text[weir_random_below(r, (uint64_t)n)] = (char)(128 + weir_random_below(r, 128));
}

static void hashes_texts_of_every_length(void)
{
    struct weir_random r = {12};
    struct weir_schema_builder sb = {0};
    weir_schema_builder_add(&sb, "s", WEIR_STRING, false);
    struct weir_schema *schema = weir_schema_build(&sb);
    struct weir_builder b;
    uint32_t field = 0, bad_field;
    int64_t bad_row;
    int32_t forgotten;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, NULL, schema, NULL, 0, 600, false, false, NULL), WEIR_OK);
    for (int i = 0; i < 600; i++) {
        CU_ASSERT_EQUAL(weir_builder_reserve_bytes(&b, 0, (size_t)i), WEIR_OK);
        fill_text(&r, (char *)b.columns[0].data + b.columns[0].offsets[i], i);
        b.columns[0].offsets[i + 1] = b.columns[0].offsets[i] + i;
        b.out.length++;
    }
    struct weir_rows *rows = weir_builder_take(&b, 0, NULL, &forgotten);
    CU_ASSERT_EQUAL(weir_key_rows(NULL, rows, &field, 1, 32768, &bad_row, &bad_field), WEIR_OK);
    struct weir_key_bytes key = {0};
    for (int i = 0; i < 600; i++) {
        key.n = 0;
        CU_ASSERT_EQUAL(weir_key_encode(&key, &rows->view, &field, 1, i), WEIR_OK);
        CU_ASSERT_EQUAL(key.n, (size_t)i + 4);
        CU_ASSERT_EQUAL(rows->keys.hash[i], weir_key_hash64(key.p, key.n));
        int32_t hash = weir_java_hash_string((const char *)key.p + 4, key.n - 4);
        CU_ASSERT_EQUAL(rows->keys.key_group[i], weir_key_group_of(hash, 32768));
    }
    weir_key_bytes_finish(&key);
    weir_rows_release(rows);
    weir_builder_finish(&b);
    weir_schema_release(schema);
}

/* The keys of the rows, and those that were made of them. */
static void expect_same_keys(const struct weir_rows *rows, const uint32_t *fields, const struct weir_rows *back,
                             const uint32_t *columns, uint32_t n)
{
    struct weir_key_bytes key = {0}, again = {0};
    for (int64_t row = 0; row < rows->view.length; row++) {
        key.n = again.n = 0;
        CU_ASSERT_EQUAL(weir_key_encode(&key, &rows->view, fields, n, row), WEIR_OK);
        CU_ASSERT_EQUAL(weir_key_encode(&again, &back->view, columns, n, row), WEIR_OK);
        CU_ASSERT_TRUE(key.n == again.n && memcmp(key.p, again.p, key.n) == 0);
    }
    weir_key_bytes_finish(&key);
    weir_key_bytes_finish(&again);
}

static void decodes_what_it_encodes(void)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct weir_random r = {seed};
        struct table t = random_table(&r, schema_of_all_types(), 100, 0);
        struct weir_rows *rows = rows_of(NULL, &t), *back;
        uint32_t fields[3], n = choose_fields(&r, fields);
        struct weir_schema_builder sb = {0};
        static const char *const names[] = {"a", "b", "c"};
        for (uint32_t i = 0; i < n; i++) weir_schema_builder_add(&sb, names[i], type_at(&t, fields[i]), false);
        struct weir_schema *schema = weir_schema_build(&sb);
        struct weir_builder b;
        struct weir_key_bytes key = {0};
        int32_t forgotten;
        uint32_t all[] = {0, 1, 2};
        CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, NULL, schema, NULL, 0, 100, true, false, NULL), WEIR_OK);
        for (int64_t row = 0; row < 100; row++) {
            key.n = 0;
            CU_ASSERT_EQUAL(weir_key_encode(&key, &rows->view, fields, n, row), WEIR_OK);
            CU_ASSERT_EQUAL(weir_key_decode(key.p, key.n, &b), WEIR_OK);
            if (b.out.length < 100) CU_ASSERT_EQUAL(weir_key_decode(key.p, key.n - 1, &b), WEIR_E_DATA); /* too short */
        }
        back = weir_builder_take(&b, 0, NULL, &forgotten);
        CU_ASSERT_EQUAL(back->view.time[99], WEIR_NO_TIME);
        expect_same_keys(rows, fields, back, all, n);
        weir_rows_release(back);
        weir_builder_finish(&b);
        weir_schema_release(schema);
        weir_key_bytes_finish(&key);
        weir_rows_release(rows);
        finish_table(&t);
    }
}

/* As the rows of a timer are written: the key's fields are some columns of many. */
static void puts_a_key_behind_other_columns(void)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct weir_random r = {seed};
        struct table t = random_table(&r, schema_of_all_types(), 100, 0);
        struct weir_rows *rows = rows_of(NULL, &t), *back;
        uint32_t fields[3], n = choose_fields(&r, fields);
        struct weir_schema_builder sb = {0};
        static const char *const names[] = {"a", "b", "c"};
        weir_schema_builder_add(&sb, "before", WEIR_I64, false);
        for (uint32_t i = 0; i < n; i++) weir_schema_builder_add(&sb, names[i], type_at(&t, fields[i]), seed % 2);
        struct weir_schema *schema = weir_schema_build(&sb);
        struct weir_builder b;
        struct weir_key_bytes key = {0};
        int32_t forgotten;
        uint32_t columns[] = {1, 2, 3};
        CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, NULL, schema, NULL, 0, 100, true, false, NULL), WEIR_OK);
        for (int64_t row = 0; row < 100; row++) {
            key.n = 0;
            CU_ASSERT_EQUAL(weir_key_encode(&key, &rows->view, fields, n, row), WEIR_OK);
            ((int64_t *)b.columns[0].data)[row] = row;
            CU_ASSERT_EQUAL(weir_key_put(key.p, key.n, &b, 1, n), WEIR_OK);
            CU_ASSERT_EQUAL(b.out.length, row);
            b.out.time[b.out.length++] = row;
        }
        back = weir_builder_take(&b, 0, NULL, &forgotten);
        CU_ASSERT_EQUAL(forgotten, -1);
        expect_same_keys(rows, fields, back, columns, n);
        for (int64_t row = 0; row < 100; row++) CU_ASSERT_EQUAL(((const int64_t *)back->view.columns[0].data)[row], row);
        weir_rows_release(back);
        weir_builder_finish(&b);
        weir_schema_release(schema);
        weir_key_bytes_finish(&key);
        weir_rows_release(rows);
        finish_table(&t);
    }
}

static void finds_the_first_null(void)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct weir_random r = {seed};
        struct table t = random_table(&r, schema_of_all_types(), 150, seed % 3 ? 1 : 30);
        struct weir_rows *all = rows_of(NULL, &t), *rows = weir_rows_slice(NULL, all, 3, 140);
        uint8_t selection[20];
        uint32_t fields[3], n = choose_fields(&r, fields), bad_field = 99, expected_field = 99;
        int64_t bad_row = -1, expected_row = -1;
        for (size_t i = 0; i < sizeof selection; i++) selection[i] = (uint8_t)weir_random_next(&r);
        if (seed % 2) rows->view.selection = selection, rows->view.selected = weir__bits_count(selection, 0, 140);
        for (int64_t row = 139; row >= 0; row--) {
            for (int i = (int)n - 1; i >= 0; i--) {
                if (!cell_at(&t, row + 3, fields[i])->null || (seed % 2 && !weir_bit(selection, row))) continue;
                expected_row = row;
                expected_field = (uint32_t)i;
            }
        }
        weir_status s = weir_key_rows(NULL, rows, fields, n, 128, &bad_row, &bad_field);
        CU_ASSERT_EQUAL(s, expected_row < 0 ? WEIR_OK : WEIR_E_DATA);
        CU_ASSERT_EQUAL(bad_row, expected_row);
        CU_ASSERT_EQUAL(bad_field, expected_field);
        struct weir_key_bytes key = {0};
        if (expected_row >= 0) CU_ASSERT_EQUAL(weir_key_encode(&key, &rows->view, fields, n, expected_row), WEIR_E_DATA);
        weir_key_bytes_finish(&key);
        weir_rows_release(rows);
        weir_rows_release(all);
        finish_table(&t);
    }
}

/* Sequential keys, the usual kind, must not gather in few slots: birthday-like counts in high and low bits of the hash. */
static void spreads_sequential_keys(void)
{
    enum { KEYS = 1 << 16 };
    static uint8_t low[KEYS / 8], high[KEYS / 8];
    for (uint64_t k = 0; k < KEYS; k++) {
        uint64_t h = weir_key_hash64(&k, 8);
        weir__bits_put(low, (int64_t)(h & (KEYS - 1)), true);
        weir__bits_put(high, (int64_t)(h >> 48), true);
    }
    int64_t expected = (int64_t)(KEYS * 0.632); /* 1 - 1/e of the places are hit */
    CU_ASSERT(llabs(weir__bits_count(low, 0, KEYS) - expected) < KEYS / 50);
    CU_ASSERT(llabs(weir__bits_count(high, 0, KEYS) - expected) < KEYS / 50);
}

WEIR_SUITE(key) = {
    {"Flink's vectors: integers", vectors_of_integers},
    {"Flink's vectors: strings", vectors_of_strings},
    {"Flink's vectors: truth values", vectors_of_truth},
    {"hashes floats as Java: NaN equals NaN, -0.0 differs from 0.0", hashes_floats_as_java},
    {"hashes UTF-16 units, not UTF-8 bytes; invalid UTF-8 as U+FFFD", hashes_utf16_units_not_bytes},
    {"hashes 200,000 broken texts as Java", hashes_broken_text_as_java},
    {"hashes ASCII of every length", ascii_of_every_length},
    {"default max parallelism", default_max_parallelism},
    {"key group ranges agree with subtasks", ranges_agree_with_subtasks},
    {"murmur is never negative", murmur_is_never_negative},
    {"hashes batches like rows; equal bytes are equal keys", hashes_batches_like_rows},
    {"hashes texts of every length", hashes_texts_of_every_length},
    {"decodes what it encodes", decodes_what_it_encodes},
    {"puts a key behind other columns", puts_a_key_behind_other_columns},
    {"finds the first null that shows", finds_the_first_null},
    {"spreads sequential keys", spreads_sequential_keys},
    {NULL, NULL},
};
