/* test_schema.c - schemas, types and schema text. */
#include "data/schema.h"

#include "base/alloc.h"
#include "harness/suite.h"

static struct weir_schema *make(const char *a, const char *b)
{
    struct weir_schema_builder builder = {0};
    weir_schema_builder_add(&builder, a, WEIR_I64, false);
    weir_schema_builder_add(&builder, b, WEIR_STRING, true);
    return weir_schema_build(&builder);
}

static void holds_fields(void)
{
    size_t blocks = weir_allocated_blocks();
    struct weir_schema *s = make("a", "b"), *same = make("a", "b"), *other = make("a", "c");
    struct weir_text t = {0};
    CU_ASSERT_EQUAL(weir_schema_count(s), 2);
    CU_ASSERT_EQUAL(weir_schema_find(s, "b"), 1);
    CU_ASSERT_EQUAL(weir_schema_find(s, "c"), -1);
    CU_ASSERT_STRING_EQUAL(weir_schema_field_at(s, 0)->name, "a");
    CU_ASSERT_EQUAL(weir_schema_at(weir_schema_view_of(s), 1)->type, WEIR_STRING);
    CU_ASSERT_TRUE(weir_schema_equal(s, same));
    CU_ASSERT_FALSE(weir_schema_equal(s, other));
    weir_text_add_schema(&t, s);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&t), "a: i64, b: string?");
    weir_text_finish(&t);
    weir_schema_release(weir_schema_retain(s));
    weir_schema_release(s);
    weir_schema_release(same);
    weir_schema_release(other);
    weir_schema_release(NULL);
    struct weir_schema_builder dropped = {0};
    weir_schema_builder_add(&dropped, "x", WEIR_ANY, false);
    weir_schema_builder_finish(&dropped);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void knows_types(void)
{
    for (int i = WEIR_BOOL; i <= WEIR_ANY; i++) {
        weir_type t = (weir_type)i, back;
        CU_ASSERT_TRUE(weir_type_parse(weir_type_name(t), &back));
        CU_ASSERT_EQUAL(back, t);
        CU_ASSERT_EQUAL(weir_type_is_number(t), t >= WEIR_I32 && t <= WEIR_F64);
        CU_ASSERT_EQUAL(weir_type_is_ordered(t), t != WEIR_ANY);
        CU_ASSERT_EQUAL(weir_type_is_key(t), t != WEIR_ANY && t != WEIR_BYTES);
        CU_ASSERT_EQUAL(weir_type_is_variable(t), t >= WEIR_STRING);
    }
    weir_type t;
    CU_ASSERT_FALSE(weir_type_parse("I64", &t));
    CU_ASSERT_FALSE(weir_type_parse("", &t));
    CU_ASSERT_EQUAL(weir_type_size(WEIR_BOOL) + weir_type_size(WEIR_STRING), 0);
    CU_ASSERT_EQUAL(weir_type_size(WEIR_F32), 4);
    CU_ASSERT_EQUAL(weir_type_size(WEIR_TIMESTAMP), 8);
    CU_ASSERT_STRING_EQUAL(weir_type_name((weir_type)0), "(no type)");
}

/* The items as text again, each kind in its own way. */
static void describe(const struct weir_schema_text *s, struct weir_text *t)
{
    static const char *const kinds[] = {"field", "*", "@key", "@in", "$schema", "$"};
    static const char *const words[] = {"", "number", "ordered", "anything", "key", "same", "wide"};
    for (size_t i = 0; i < s->n; i++) {
        const struct weir_item *it = &s->items[i];
        weir_text_add(t, "%s%s", i ? " " : "", kinds[it->kind]);
        if (it->kind == WEIR_ITEM_OPTION) weir_text_add(t, "%s", it->name);
        if (it->kind != WEIR_ITEM_FIELD) continue;
        weir_text_add(t, "[%s%s%s %s%s%s%s]", it->name ? it->name : "{", it->name_option ? it->name_option : "",
                      it->name_option ? "}" : "",
                      it->type_kind == WEIR_ITEM_PLAIN ? weir_type_name(it->type) : words[it->type_kind],
                      it->of ? " of " : "", it->of ? it->of : "", it->nullable ? " ?" : "");
    }
}

static void check_good(const char *text, bool output, const char *expected)
{
    struct weir_schema_text s;
    struct weir_error e = {0};
    struct weir_text t = {0};
    CU_ASSERT_EQUAL(weir_schema_text_parse(text, output, &s, &e), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(e.text, "");
    describe(&s, &t);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&t), expected);
    weir_text_finish(&t);
    weir_schema_text_finish(&s);
}

static void reads_schema_text(void)
{
    check_good(NULL, false, "");
    check_good(" ", true, "");
    check_good("amount:f64, note:string?", false, "field[amount f64] field[note string ?]");
    check_good(" a : number , b:ordered?,c:anything,d:key , * ", false,
               "field[a number] field[b ordered ?] field[c anything] field[d key] *");
    check_good("*,@key,@in,$schema,$fold,x:same(a),y:wide( b )?,{as}:i64", true,
               "* @key @in $schema $fold field[x same of a] field[y wide of b ?] field[{as} i64]");
    check_good("bool:bool,number:i32", false, "field[bool bool] field[number i32]");
}

static void refuses_bad_schema_text(void)
{
    static const struct {
        const char *text;
        bool output;
        const char *message;
    } bad[] = {
        {"amount:f65", false, "schema text \"amount:f65\", column 8: unknown type 'f65'; did you mean 'f64'?"},
        {"a", false, "column 2: expected ':' after a field's name, found the end"},
        {"a:i64,", false, "column 7: expected a field's name ([a-z_][a-z0-9_]*), found the end"},
        {"a:i64 b:i64", false, "column 7: expected ',' or the end, found 'b'"},
        {"A:i64", false, "found 'A'"},
        {"a:i64,b:f64,a:i32", false, "column 13: 'a' stands here twice"},
        {"*,*", true, "stands here twice"},
        {"a:number", true, "'number' may stand in an input only"},
        {"a:same(b)", false, "'same' may stand in an output only"},
        {"@key", false, "'@key' may stand in an output only"},
        {"$schema", false, "'$schema' may stand in an output only"},
        {"@kee", true, "unknown word '@kee'"},
        {"a:same", true, "expected '(' after same"},
        {"a:same(b", true, "expected ')'"},
        {"{as:i64", true, "expected '}'"},
        {"$", true, "found the end"},
    };
    size_t blocks = weir_allocated_blocks();
    for (size_t i = 0; i < WEIR_LEN(bad); i++) {
        struct weir_schema_text s;
        struct weir_error e = {0};
        CU_ASSERT_EQUAL(weir_schema_text_parse(bad[i].text, bad[i].output, &s, &e), WEIR_E_PLUGIN);
        WEIR_ASSERT_CONTAINS(e.text, bad[i].message);
        CU_ASSERT_PTR_NULL(s.items);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void reads_side_outputs(void)
{
    struct weir_named_schema *sides;
    size_t n, blocks = weir_allocated_blocks();
    struct weir_error e = {0};
    CU_ASSERT_EQUAL(weir_sides_parse("late(*), alerts(user:string, at:timestamp?),none()", &sides, &n, &e), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(n, 3);
    CU_ASSERT_STRING_EQUAL(sides[0].name, "late");
    CU_ASSERT_EQUAL(sides[0].schema.items[0].kind, WEIR_ITEM_ALL);
    CU_ASSERT_STRING_EQUAL(sides[1].schema.items[1].name, "at");
    CU_ASSERT_EQUAL(sides[2].schema.n, 0);
    weir_named_schemas_finish(sides, n);
    CU_ASSERT_EQUAL(weir_sides_parse(NULL, &sides, &n, &e), WEIR_OK);
    CU_ASSERT_EQUAL(n, 0);
    static const char *const bad[][2] = {{"late", "expected '('"},
                                         {"late(*", "expected ')'"},
                                         {"late(*),late(*)", "'late' stands here twice"},
                                         {"late(*) x", "expected ',' or the end, found 'x'"},
                                         {"late(a:i65)", "unknown type"},
                                         {"late(*),", "found the end"}};
    for (size_t i = 0; i < WEIR_LEN(bad); i++) {
        CU_ASSERT_EQUAL(weir_sides_parse(bad[i][0], &sides, &n, &e), WEIR_E_PLUGIN);
        WEIR_ASSERT_CONTAINS(e.text, bad[i][1]);
        CU_ASSERT_PTR_NULL(sides);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void plugins_find_fields_by_name(void)
{
    struct wide {
        weir_schema_field field;
        int64_t later; /* of a later ABI: the stride is what counts */
    } fields[] = {{{"user", WEIR_STRING, 0}, 7}, {{"total", WEIR_I64, 1}, 8}};
    weir_schema_view view = {
        .struct_size = sizeof view, .n_fields = 2, .field_stride = sizeof *fields, .fields = &fields[0].field};
    CU_ASSERT_EQUAL(weir_schema_index(&view, "user"), 0);
    CU_ASSERT_EQUAL(weir_schema_index(&view, "total"), 1);
    CU_ASSERT_EQUAL(weir_schema_index(&view, "tota"), -1);
}

WEIR_SUITE(schema) = {
    {"holds, finds, compares and prints fields", holds_fields},
    {"knows what is true of each type", knows_types},
    {"reads schema text", reads_schema_text},
    {"refuses bad schema text with its column", refuses_bad_schema_text},
    {"reads side outputs", reads_side_outputs},
    {"plugins find fields by name", plugins_find_fields_by_name},
    {NULL, NULL},
};
