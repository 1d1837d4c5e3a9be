/* What expressions mean, as tables: values, problems with their places, record errors. */
#include "expr/expr.h"

#include <stdio.h>
#include <string.h>
#include <weir/text.h>

#include "base/alloc.h"
#include "data/builder.h"
#include "harness/suite.h"

/* ---- a row of every type --------------------------------------------------------------------------------------------- */

struct fixture {
    size_t blocks;
    struct weir_pool *pool;
    struct weir_schema *schema;
    struct weir_rows *rows;
};

static void put(struct weir_builder *b, uint32_t c, const void *value, size_t size)
{
    memcpy(b->columns[c].data, value, size);
}
static void put_text(struct weir_builder *b, uint32_t c, const char *text)
{
    CU_ASSERT_EQUAL(weir_builder_reserve_bytes(b, c, strlen(text)), WEIR_OK);
    memcpy(b->columns[c].data, text, strlen(text));
    b->columns[c].offsets[1] = (int32_t)strlen(text);
}

/* i 7, l 10, f 1.5, d 2.5, b true, t 2024-03-31T00:30:00.250Z, s 'Hello Wörld', y bytes, end 4; n*: nulls. */
static void begin(struct fixture *f)
{
    static const struct {
        const char *name;
        weir_type type;
        bool nullable;
    } fields[] = {{"i", WEIR_I32, false},    {"l", WEIR_I64, false},     {"f", WEIR_F32, false},
                  {"d", WEIR_F64, false},    {"b", WEIR_BOOL, false},    {"t", WEIR_TIMESTAMP, false},
                  {"s", WEIR_STRING, false}, {"y", WEIR_BYTES, false},   {"end", WEIR_I64, false},
                  {"nl", WEIR_I64, true},    {"ns", WEIR_STRING, true},  {"nb", WEIR_BOOL, true},
                  {"nd", WEIR_F64, true},    {"left.x", WEIR_I64, false}};
    struct weir_schema_builder schema = {0};
    struct weir_builder b;
    int32_t i = 7, forgotten;
    int64_t l = 10, t = 1711845000250, end = 4, x = 5;
    float r = 1.5f;
    double d = 2.5;
    f->blocks = weir_allocated_blocks();
    f->pool = weir_pool_create();
    for (size_t k = 0; k < WEIR_LEN(fields); k++)
        weir_schema_builder_add(&schema, fields[k].name, fields[k].type, fields[k].nullable);
    f->schema = weir_schema_build(&schema);
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, f->pool, f->schema, NULL, 0, 8, true, false, NULL), WEIR_OK);
    put(&b, 0, &i, 4);
    put(&b, 1, &l, 8);
    put(&b, 2, &r, 4);
    put(&b, 3, &d, 8);
    ((uint8_t *)b.columns[4].data)[0] |= 1;
    put(&b, 5, &t, 8);
    put_text(&b, 6, "Hello W\xc3\xb6rld");
    put_text(&b, 7, "\xff\x01");
    put(&b, 8, &end, 8);
    for (uint32_t c = 9; c < 13; c++) b.columns[c].validity[0] &= 0xfe;
    b.columns[10].offsets[1] = 0;
    put(&b, 13, &x, 8);
    b.out.time[0] = 0;
    b.out.length = 1;
    f->rows = weir_builder_take(&b, 0, NULL, &forgotten);
    weir_builder_finish(&b);
}

static void finish(struct fixture *f)
{
    weir_rows_release(f->rows);
    weir_schema_release(f->schema);
    weir_pool_close(f->pool);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), f->blocks);
}

static void add_value(struct weir_text *to, const weir_batch *batch)
{
    weir_row r = {batch, 0};
    char text[WEIR_TEXT_MAX];
    size_t n = 0;
    if (weir_null(r, 0)) {
        weir_text_add(to, "null");
        return;
    }
    switch (batch->columns[0].type) {
    case WEIR_BOOL: n = weir_text_from_bool(text, weir_bool(r, 0)); break;
    case WEIR_I32: n = weir_text_from_i64(text, weir_i32(r, 0)); break;
    case WEIR_I64: n = weir_text_from_i64(text, weir_i64(r, 0)); break;
    case WEIR_F32: n = weir_text_from_f32(text, weir_f32(r, 0)); break;
    case WEIR_F64: n = weir_text_from_f64(text, weir_f64(r, 0)); break;
    case WEIR_TIMESTAMP: n = weir_text_from_time(text, weir_i64(r, 0)); break;
    default: weir_text_add_bytes(to, weir_text(r, 0).p, weir_text(r, 0).n);
    }
    weir_text_add_bytes(to, text, n);
}

/* "type: value", "type: error: message [place]", or "problem: message [place] (help)". */
static void add_outcome(struct weir_text *to, struct fixture *f, const char *text)
{
    struct weir_expr_problems problems = {0};
    struct weir_expr *e = weir_expr_compile(text, strlen(text), f->schema, NULL, &problems);
    for (size_t i = 0; i < problems.n; i++) {
        const struct weir_expr_problem *p = &problems.items[i];
        CU_ASSERT_TRUE(p->offset + p->length <= strlen(text));
        weir_text_add(to, "%sproblem: %s [%.*s] (%s)", i ? "; " : "", p->message, (int)p->length, text + p->offset, p->help);
    }
    CU_ASSERT_TRUE((e == NULL) == (problems.n > 0));
    weir_expr_problems_finish(&problems);
    if (!e) return;
    struct weir_expr_run *run = weir_expr_run_create(e, f->pool);
    struct weir_rows *into = weir_rows_create(f->pool, 1, 3);
    weir_text_add(to, "%s%s: ", weir_type_name(weir_expr_type(e)), weir_expr_nullable(e) ? "?" : "");
    if (weir_expr_column(run, &f->rows->view, into, 0) == WEIR_OK) {
        add_value(to, &into->view);
    } else {
        size_t n;
        const struct weir_expr_error *error = weir_expr_errors(run, &n);
        CU_ASSERT_TRUE_FATAL(n == 1 && error->row == 0);
        weir_text_add(to, "error: %s [%.*s]", error->message, (int)error->length, text + error->offset);
    }
    weir_rows_release(into);
    weir_expr_run_destroy(run);
    weir_expr_destroy(e);
}

static void check(const char *(*cases)[2], size_t n)
{
    struct fixture f;
    begin(&f);
    for (size_t i = 0; i < n; i++) {
        struct weir_text got = {0};
        add_outcome(&got, &f, cases[i][0]);
        if (strcmp(weir_text_get(&got), cases[i][1]) != 0) {
            printf("\n    %s\n      gave     %s\n      expected %s\n", cases[i][0], weir_text_get(&got), cases[i][1]);
            CU_FAIL("differs");
        }
        CU_ASSERT_TRUE(true);
        weir_text_finish(&got);
    }
    finish(&f);
}
#define CHECK(cases) check(cases, WEIR_LEN(cases))

/* ---- values ---------------------------------------------------------------------------------------------------------- */

static void arithmetic(void)
{
    const char *cases[][2] = {
        {"1 + 2 * 3", "i64: 7"},
        {"(1 + 2) * 3", "i64: 9"},
        {"10 - 2 - 3", "i64: 5"},
        {"- -5", "i64: 5"},
        {"-i", "i32: -7"},
        {"i + i", "i32: 14"},
        {"i + l", "i64: 17"},
        {"i + 1", "i64: 8"},
        {"l * d", "f64: 25.0"},
        {"f + f", "f32: 3.0"},
        {"f + i", "f64: 8.5"},
        {"f + d", "f64: 4.0"},
        {"7 / 2", "i64: 3"},
        {"-7 / 2", "i64: -3"},
        {"-7 % 2", "i64: -1"},
        {"7 % -2", "i64: 1"},
        {"7.0 / 2", "f64: 3.5"},
        {"1.0 / 0", "f64: inf"},
        {"7.5 % 2", "f64: 1.5"},
        {"1_000_000", "i64: 1000000"},
        {"-9223372036854775808", "i64: -9223372036854775808"},
        {"-9223372036854775808 % -1", "i64: 0"},
        {"15min", "i64: 900000"},
        {"2h + 1s + 5ms - 1d", "i64: -79198995"},
        {"1e3", "f64: 1000.0"},
        {"nl + 1", "i64?: null"},
        {"null + 1", "i64?: null"},
        {"t + 15min", "timestamp: 2024-03-31T00:45:00.250Z"},
        {"t - timestamp '2024-03-31'", "i64: 1800250"},
        {"t - 250", "timestamp: 2024-03-31T00:30:00.000Z"},
        {"end + `end` + left.x", "i64: 13"},
        {"abs(-7) + abs(i)", "i64: 14"},
        {"round(2.5)", "f64: 3.0"},
        {"round(-2.5)", "f64: -3.0"},
        {"round(2.345678, 2)", "f64: 2.35"},
        {"round(1234.5, -2)", "f64: 1200.0"},
        {"round(l)", "i64: 10"},
        {"round(1e300, 300)", "f64: 1e+300"},
        {"floor(-1.5) + ceil(1.2) + sqrt(16) + pow(2, 10)", "f64: 1028.0"},
        {"least(3, i, 2.5)", "f64: 2.5"},
        {"greatest('a', 'b', s)", "string: b"},
        {"greatest(1, nl)", "i64?: null"},
        {"hash(1) = hash(i - 6) and hash(0.0) = hash(-0.0) and hash('1') <> hash(1)", "bool: true"},
    };
    CHECK(cases);
}

static void logic(void)
{
    const char *cases[][2] = {
        {"true and nb", "bool?: null"},
        {"false and nb", "bool?: false"},
        {"nb and false", "bool?: false"},
        {"nb or true", "bool?: true"},
        {"nb or false", "bool?: null"},
        {"not nb", "bool?: null"},
        {"not true = false", "bool: true"},
        {"not b and false or true", "bool: true"},
        {"null and false", "bool: false"},
        {"nl is null and ns is null and i is not null", "bool: true"},
        {"null is null", "bool: true"},
        {"i = 7 AND l == 10 And d != 2 and s <> 'x' and i < 8 and i <= 7 and i > 6 and i >= 7", "bool: true"},
        {"i = 7.0", "bool: true"},
        {"i < 3000000000", "bool: true"},
        {"f = 1.5", "bool: true"},
        {"nl = 1", "bool?: null"},
        {"'abc' < 'abd' and 'ab' < 'abc' and '' < 'a' and s >= 'Hello'", "bool: true"},
        {"false < true", "bool: true"},
        {"t > timestamp '2024-01-01T00:00:00Z'", "bool: true"},
        {"i in (1, 7, 9)", "bool: true"},
        {"i not in (1, 9)", "bool: true"},
        {"i in (1, nl)", "bool?: null"},
        {"i in (7, nl)", "bool?: true"},
        {"s in ('a', 'Hello W\xc3\xb6rld')", "bool: true"},
        {"i between 7 and 9 and i not between 8 and 9", "bool: true"},
        {"nl between 1 and 2", "bool?: null"},
        {"i between nl and 6", "bool?: false"},
        {"0.0 = -0.0", "bool: true"},
        {"cast('nan' as f64) = cast('nan' as f64)", "bool: false"},
        {"y = y", "bool: true"},
    };
    CHECK(cases);
}

static void choices(void)
{
    const char *cases[][2] = {
        {"case when i > 100 then 'big' when i > 5 then 'middle' else 'small' end", "string: middle"},
        {"case when false then 1 end", "i64?: null"},
        {"case when nb then 1 else 2.5 end", "f64: 2.5"},
        {"case i when 1 then 'one' when 7 then 'seven' end", "string?: seven"},
        {"case i + 1 when 8 then b end", "bool?: true"},
        {"if(i > 5, i, nl)", "i64?: 7"},
        {"if(b, null, 1)", "i64?: null"},
        {"coalesce(nl, nd, i)", "f64: 7.0"},
        {"coalesce(ns, 'none')", "string: none"},
        {"coalesce(nl, null)", "i64?: null"},
        {"nullif(i, 7)", "i32?: null"},
        {"nullif(i, 8)", "i32?: 7"},
        {"nullif(s, 'x')", "string?: Hello W\xc3\xb6rld"},
    };
    CHECK(cases);
}

static void never_looks_at_what_is_not_chosen(void)
{
    const char *cases[][2] = {
        {"if(i = 7, 1, 1 / (l - 10))", "i64: 1"},
        {"i <> 7 and 1 / (l - 10) = 1", "bool: false"},
        {"i = 7 or 1 / (l - 10) = 1", "bool: true"},
        {"case when i = 7 then 1 when 1 / (l - 10) = 1 then 2 else 3 end", "i64: 1"},
        {"coalesce(l, 1 / (l - 10))", "i64: 10"},
        {"i in (7, 1 / (l - 10))", "bool: true"},
        {"i between 8 and 1 / (l - 10)", "bool: false"},
        {"nb or 1 / (l - 10) = 1", "bool?: error: division of 1 by zero [1 / (l - 10)]"},
        {"if(b, 1, 1 / 0)", "i64: 1"},
        {"if(not b, 1, 1 / 0)", "i64: error: division of 1 by zero [1 / 0]"},
        {"nl / 0", "i64?: null"},
    };
    CHECK(cases);
}

static void texts(void)
{
    const char *cases[][2] = {
        {"length(s)", "i64: 11"},
        {"length(y)", "i64: 2"},
        {"length('')", "i64: 0"},
        {"lower(s) || upper('\xc3\xb6z')", "string: hello w\xc3\xb6rld\xc3\xb6Z"},
        {"'it''s' || \" \"\"x\"\"\"", "string: it's \"x\""},
        {"substring(s, 7)", "string: W\xc3\xb6rld"},
        {"substring(s, 8, 1)", "string: \xc3\xb6"},
        {"substring(s, -1, 3)", "string: H"},
        {"substring(s, 100)", "string: "},
        {"substring(s, 2, 9223372036854775807)", "string: ello W\xc3\xb6rld"},
        {"substring(s, 1, -1)", "string: error: a substring cannot have the length -1 [substring(s, 1, -1)]"},
        {"starts_with(s, 'Hell') and ends_with(s, 'rld') and contains(s, 'o W') and contains(s, '')", "bool: true"},
        {"starts_with(s, 'hell') or ends_with('', 'x') or contains(s, 'xyz')", "bool: false"},
        {"matches(s, '^h')", "bool: false"},
        {"matches(s, '(?i)^h\\w+ w.rld$')", "bool: true"},
        {"matches(ns, 'x')", "bool?: null"},
        {"replace('a-b-c', '-', '++')", "string: a++b++c"},
        {"replace(s, '', 'x') = s", "bool: true"},
        {"replace('aaa', 'aa', 'b')", "string: ba"},
        {"split('a,b,,c', ',', 2)", "string: b"},
        {"split('a,b,,c', ',', 3)", "string: "},
        {"split('a,b', ',', 3)", "string?: null"},
        {"split('a,b', ',', 0)", "string?: null"},
        {"split('ab', '', 1)", "string: ab"},
        {"split(s, ' ', 2)", "string?: W\xc3\xb6rld"},
        {"trim('  a b\t\n')", "string: a b"},
        {"concat('a', s, 'c')", "string: aHello W\xc3\xb6rldc"},
        {"concat('a', ns)", "string?: null"},
        {"'a' || ns", "string?: null"},
    };
    CHECK(cases);
}

static void casts(void)
{
    const char *cases[][2] = {
        {"cast('12' as i32) + cast('-3' as i64)", "i64: 9"},
        {"cast(2.9 as i64)", "i64: 2"},
        {"cast(-2.9 as i32)", "i32: -2"},
        {"cast(l as string) || cast(d as string) || cast(b as string)", "string: 102.5true"},
        {"cast(t as string)", "string: 2024-03-31T00:30:00.250Z"},
        {"cast('2024-02-29' as timestamp)", "timestamp: 2024-02-29T00:00:00.000Z"},
        {"cast(cast(t as i64) as timestamp) = t", "bool: true"},
        {"cast('TRUE' as bool) and cast(1 as bool)", "bool: true"},
        {"cast(b as i32)", "i32: 1"},
        {"cast(null as string)", "string?: null"},
        {"cast(s as bytes) = cast('x' as bytes)", "bool: false"},
        {"cast(cast(s as bytes) as string)", "string: Hello W\xc3\xb6rld"},
        {"cast(s as i64)", "i64: error: 'Hello W\xc3\xb6rld' is not an integer of 64 bits [cast(s as i64)]"},
        {"cast(y as string)", "string: error: these bytes are not valid UTF-8 [cast(y as string)]"},
        {"try_cast(s as i64)", "i64?: null"},
        {"try_cast('5' as i64)", "i64: 5"},
        {"cast('2023-02-29' as timestamp)",
         "timestamp: error: '2023-02-29' is no time of ISO 8601 (2024-01-31T13:45:00Z) [cast('2023-02-29' as timestamp)]"},
        {"cast(3000000000 as i32)", "i32: error: 3000000000 does not fit into i32 [cast(3000000000 as i32)]"},
        {"cast(1e19 as i64)", "i64: error: 1e+19 does not fit into i64 [cast(1e19 as i64)]"},
        {"cast(9.3e18 as i64)", "i64: error: 9.3e+18 does not fit into i64 [cast(9.3e18 as i64)]"},
        {"cast(2147483647.5 as i32)", "i32: 2147483647"},
    };
    CHECK(cases);
}

static void overflows(void)
{
    const char *cases[][2] = {
        {"l + 9223372036854775807", "i64: error: 10 + 9223372036854775807 does not fit into i64 [l + 9223372036854775807]"},
        {"i * cast(1000000000 as i32)", "i32: error: 7 * 1000000000 does not fit into i32 [i * cast(1000000000 as i32)]"},
        {"2 - (-9223372036854775807 - l)",
         "i64: error: -9223372036854775807 - 10 does not fit into i64 [(-9223372036854775807 - l)]"},
        {"-(l - 10 - 9223372036854775808)", "problem: this number does not fit into 64 bits [9223372036854775808] ()"},
        {"(l * -922337203685477580 - 8) / -1",
         "i64: error: -9223372036854775808 / -1 does not fit into i64 [(l * -922337203685477580 - 8) / -1]"},
        {"abs(l * -922337203685477580 - 8)",
         "i64: error: abs of -9223372036854775808 does not fit into i64 [abs(l * -922337203685477580 - 8)]"},
        {"i % (i - 7)", "i64: error: division of 7 by zero [i % (i - 7)]"},
        {"t + 9223372036854775807",
         "timestamp: error: 1711845000250 + 9223372036854775807 does not fit into i64 [t + 9223372036854775807]"},
    };
    CHECK(cases);
}

static void times(void)
{
    const char *cases[][2] = {
        {"truncate(t, 'second')", "timestamp: 2024-03-31T00:30:00.000Z"},
        {"truncate(t, 'hour')", "timestamp: 2024-03-31T00:00:00.000Z"},
        {"truncate(t, 'day')", "timestamp: 2024-03-31T00:00:00.000Z"},
        {"truncate(t, 'week')", "timestamp: 2024-03-25T00:00:00.000Z"},
        {"truncate(t, 'month')", "timestamp: 2024-03-01T00:00:00.000Z"},
        {"truncate(t, 'quarter')", "timestamp: 2024-01-01T00:00:00.000Z"},
        {"truncate(t, 'year')", "timestamp: 2024-01-01T00:00:00.000Z"},
        {"truncate(timestamp '1969-12-31T23:59:59.999Z', 'hour')", "timestamp: 1969-12-31T23:00:00.000Z"},
        {"truncate(t, 'day', '+02:00')", "timestamp: 2024-03-30T22:00:00.000Z"},
        {"truncate(t, 'day', 'Europe/Berlin')", "timestamp: 2024-03-30T23:00:00.000Z"},
        {"truncate(t + 1d, 'day', 'Europe/Berlin')", "timestamp: 2024-03-31T22:00:00.000Z"},
        {"truncate(t + 1d, 'month', 'Europe/Berlin')", "timestamp: 2024-03-31T22:00:00.000Z"},
        {"truncate(timestamp '2050-07-01T12:00:00Z', 'day', 'America/New_York')", "timestamp: 2050-07-01T04:00:00.000Z"},
        {"extract(hour from t)", "i64: 0"},
        {"extract('hour' from t, 'Asia/Kolkata')", "i64: 6"},
        {"extract(t, 'minute')", "i64: 30"},
        {"extract(t, 'hour', 'Europe/Berlin')", "i64: 1"},
        {"extract(t + 30min, 'hour', 'Europe/Berlin')", "i64: 3"},
        {"extract(millisecond from t) + extract(year from t) + extract(day from t)", "i64: 2305"},
        {"extract(day_of_week from t)", "i64: 7"},
        {"extract(day_of_year from t)", "i64: 91"},
        {"extract(week from t)", "i64: 13"},
        {"extract(week from timestamp '2021-01-03')", "i64: 53"},
        {"extract(quarter from t)", "i64: 1"},
        {"extract(epoch from t)", "i64: 1711845000"},
        {"extract(epoch_ms from t)", "i64: 1711845000250"},
        {"format(t, '%Y/%m/%d %H:%M:%S.%f %z %b %%')", "string: 2024/03/31 00:30:00.250 Z Mar %"},
        {"format(t, '%F %T %z', 'Europe/Berlin')", "string: 2024-03-31 01:30:00 +01:00"},
        {"format(t, '%T%z', '-03:30')", "string: 21:00:00-03:30"},
        {"parse('31.03.2024 02:30', '%d.%m.%Y %H:%M')", "timestamp: 2024-03-31T02:30:00.000Z"},
        {"parse('31.03.2024 02:30', '%d.%m.%Y %H:%M', 'Europe/Berlin')", "timestamp: 2024-03-31T01:30:00.000Z"},
        {"parse('27.10.2024 02:30', '%d.%m.%Y %H:%M', 'Europe/Berlin')", "timestamp: 2024-10-27T00:30:00.000Z"},
        {"parse('x', '%F')", "timestamp: error: 'x' is no time as '%F' writes it [parse('x', '%F')]"},
        {"truncate(t + 9000000000000000, 'day')",
         "timestamp: error: 9001711845000250 ms lies outside of the calendar [truncate(t + 9000000000000000, 'day')]"},
    };
    CHECK(cases);
}

/* ---- problems -------------------------------------------------------------------------------------------------------- */

static void problems(void)
{
    const char *cases[][2] = {
        {"", "problem: expected a value, but the expression ends here [] ()"},
        {"left.y", "problem: there is no field 'left.y' [left.y] (did you mean left.x?)"},
        {"lenght(s)", "problem: there is no function 'lenght' [lenght] (did you mean length?)"},
        {"1 +", "problem: expected a value, but the expression ends here [] ()"},
        {"1 + )", "problem: expected a value, found ) [)] ()"},
        {"(1", "problem: expected ')', but the expression ends here [] ()"},
        {"1 2", "problem: expected an operator or the end, found 2 [2] ()"},
        {"i and b", "problem: and needs a bool, this is i32 [i] (compare it with something)"},
        {"s + 'x'", "problem: + does not take string and string [s + 'x'] (texts are joined by ||)"},
        {"s = 1", "problem: = does not take string and i64 [s = 1] (it is used as a = b; cast(x as type) converts)"},
        {"t > '2024-01-01'", "problem: > does not take timestamp and string [t > '2024-01-01'] (write a time as timestamp "
                             "'2024-01-31T13:45:00Z')"},
        {"i = null",
         "problem: a comparison with null is null for every record [i = null] (write x is null, or x is not null)"},
        {"null", "problem: a null alone has no type [null] (give it one: cast(null as i64))"},
        {"'abc", "problem: a ' is not closed ['abc] ()"},
        {"b && b", "problem: '&&' is no operator [&&] (write and)"},
        {"!b", "problem: '!' is no operator [!] (write not)"},
        {"i # 2", "problem: '#' is no part of an expression [#] ()"},
        {"15mins", "problem: 'mins' is no unit [mins] (units of time are ms, s, min, h and d)"},
        {"9223372036854775808", "problem: this number does not fit into 64 bits [9223372036854775808] ()"},
        {"length(i)",
         "problem: length does not take i32 [length(i)] (it is used as length(text); cast(x as type) converts)"},
        {"length()",
         "problem: length does not take 0 values [length()] (it is used as length(text); cast(x as type) converts)"},
        {"if(b, 1)", "problem: if does not take 2 values [if(b, 1)] (it is used as if(condition, x, y))"},
        {"if(b, 1, 'x')", "problem: this branch gives string, one before it i64: all branches need one type ['x'] (cast(x "
                          "as type) converts)"},
        {"coalesce(i, s)",
         "problem: coalesce gives string here and i32 before: its values need one type [s] (cast(x as type) converts)"},
        {"cast(i as int)",
         "problem: expected a type (bool, i32, i64, f32, f64, timestamp, string or bytes), found int [int] ()"},
        {"cast(b as timestamp)", "problem: bool cannot be cast to timestamp [cast(b as timestamp)] ()"},
        {"matches(s, s)", "problem: a pattern of matches must be constant: it is read once, before the job starts [s] "
                          "(write a text in quotes)"},
        {"matches(s, 'a(')", "problem: no regular expression: missing closing parenthesis, at its byte 3 ['a('] ()"},
        {"truncate(t, 'fortnight')", "problem: 'fortnight' is no unit that truncate knows ['fortnight'] (it is one of "
                                     "second, minute, hour, day, week, month, quarter, year)"},
        {"extract(hour from t, 'Mars/Base')",
         "problem: there is no time zone 'Mars/Base' in /usr/share/zoneinfo/ ['Mars/Base'] (zones are 'UTC', "
         "'+02:00' or names such as 'Europe/Berlin')"},
        {"format(t, '%Q')", "problem: '%Q' is no part of a time ['%Q'] (there are %Y %m %d %H %M %S %f %z %b %F %T and %%)"},
        {"timestamp 'x'",
         "problem: this is no time of ISO 8601 ['x'] (write it as in '2024-01-31T13:45:00Z' or '2024-01-31')"},
        {"case i end", "problem: expected 'when', found end [end] ()"},
        {"case when b then null end",
         "problem: every branch is null [case when b then null end] (give one of them a type: cast(null as i64))"},
        {"i is 5", "problem: expected 'null' or 'not null', found 5 [5] ()"},
        {"i not 5", "problem: expected 'in' or 'between', found 5 [5] ()"},
        {"i in ()", "problem: in needs at least one value in its parentheses [i in ()] ()"},
        {"i < l < d", "problem: < does not take bool and f64 [i < l < d] (it is used as a < b; cast(x as type) converts)"},
        {"and", "problem: expected a value, found and [and] ()"},
        {"\"\xff\"", "problem: this text is not valid UTF-8 [\"\xff\"] ()"},
    };
    CHECK(cases);
}

static void several_problems_at_once(void)
{
    const char *cases[][2] = {
        {"left.z > 1 and lenght > 2",
         "problem: there is no field 'left.z' [left.z] (did you mean left.x?); problem: there is no field 'lenght' "
         "[lenght] (the fields are i: i32, l: i64, f: f32, d: f64, b: bool, t: timestamp, s: string, y: bytes, end: "
         "i64, nl: i64?, ns: string?, nb: bool?, nd: f64?, left.x: i64)"},
    };
    CHECK(cases);
}

static void shows_the_place(void)
{
    struct weir_text text = {0};
    weir_expr_show(&text, "\xc3\xb6 + amout", 10, 5, 5);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&text), "\xc3\xb6 + amout\n    ^^^^^");
    weir_text_finish(&text);
}

static void nests_deeply_or_says_so(void)
{
    struct fixture f;
    begin(&f);
    for (int kind = 0; kind < 3; kind++) {
        struct weir_text text = {0}, got = {0};
        for (int i = 0; i < 5000; i++) weir_text_add(&text, kind == 0 ? "(" : kind == 1 ? "1+" : "not ");
        weir_text_add(&text, "1");
        add_outcome(&got, &f, weir_text_get(&text));
        WEIR_ASSERT_CONTAINS(weir_text_get(&got), "nested too deeply");
        weir_text_finish(&text);
        weir_text_finish(&got);
    }
    finish(&f);
}

static void tells_what_it_reads(void)
{
    struct fixture f;
    begin(&f);
    struct weir_expr_problems none = {0};
    uint32_t n;
    struct weir_expr *e = weir_expr_compile("i + i + l xyz", 9, f.schema, NULL, &none);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    const uint32_t *fields = weir_expr_fields(e, &n);
    CU_ASSERT_TRUE(n == 2 && fields[0] == 0 && fields[1] == 1);
    CU_ASSERT_EQUAL(weir_expr_field(e), -1);
    CU_ASSERT_STRING_EQUAL(weir_expr_text(e), "i + i + l");
    weir_expr_destroy(e);
    e = weir_expr_compile("(l)", 3, f.schema, NULL, &none);
    CU_ASSERT_EQUAL(weir_expr_field(e), 1);
    weir_expr_destroy(e);
    finish(&f);
}

WEIR_SUITE(expr) = {{"computes", arithmetic},
                    {"knows three truths", logic},
                    {"chooses", choices},
                    {"never looks at what is not chosen", never_looks_at_what_is_not_chosen},
                    {"handles texts", texts},
                    {"casts", casts},
                    {"reports overflows", overflows},
                    {"handles times and zones", times},
                    {"reports problems where they are", problems},
                    {"reports several problems at once", several_problems_at_once},
                    {"shows the place in the text", shows_the_place},
                    {"nests deeply or says so", nests_deeply_or_says_so},
                    {"tells what it reads", tells_what_it_reads},
                    {NULL, NULL}};
