/* Values: read, built, written, compared, copied. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/json/value.h"

#define MANY 500

static struct gw_arena arena;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static struct gw_value read_text(const char *text)
{
    struct gw_json_error error;
    struct gw_value value;

    assert_int_equal(gw_value_read(&arena, gw_str_of(text), NULL, &value, &error), 0);
    return value;
}

static void assert_written(const struct gw_value *value, const char *expected)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 1 << 20);
    gw_value_write(&buf, value);
    gw_buf_append_byte(&buf, '\0');
    assert_false(buf.has_failed);
    assert_string_equal(buf.ptr, expected);
    gw_buf_finish(&buf);
}

static void what_is_read_is_written_again(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "\"\"",
        "[]",
        "{}",
        "12345678901234567890123.4500",
        "-0.0e-7",
        "\"a\\\"\\\\\\u0000\\n\u00fc\"",
        "[1,[2,[3,{}]],\"x\"]",
        "{\"b\":1,\"a\":{\"\":[null]}}",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        struct gw_value value = read_text(texts[i]);
        assert_written(&value, texts[i]);
    }
}

static void of_two_members_of_one_name_the_last_counts(void **state)
{
    struct gw_value value = read_text("{\"a\":1,\"b\":2,\"a\":[3],\"a\":4}");

    (void)state;
    assert_written(&value, "{\"a\":4,\"b\":2}");
}

static void wrong_text_is_refused(void **state)
{
    struct gw_json_limits limits = {.max_bytes = 100, .max_depth = 2};
    struct gw_json_error error;
    struct gw_value value = gw_value_bool(true);

    (void)state;
    assert_int_equal(gw_value_read(&arena, GW_STR("[1,]"), NULL, &value, &error), -EINVAL);
    assert_int_equal(gw_value_read(&arena, GW_STR("[[[]]]"), &limits, &value, &error), -EMSGSIZE);
    assert_int_equal(value.type, GW_JSON_TRUE);
}

static void arrays_are_built(void **state)
{
    struct gw_value_builder builder = {.arena = &arena};
    struct gw_value number;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(gw_value_integer(&arena, i - MANY / 2, &number), 0);
        assert_int_equal(gw_value_add_item(&builder, number), 0);
    }
    struct gw_value array = gw_value_built_array(&builder);
    assert_int_equal(array.count, MANY);
    assert_int_equal(gw_value_integer(&arena, INT64_MIN, &number), 0);
    assert_written(&number, "-9223372036854775808");
    assert_written(&array.items[0], "-250");
    assert_written(&array.items[MANY - 1], "249");
}

static void members_are_built_and_replaced(void **state)
{
    struct gw_value_builder builder = {.arena = &arena};

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            struct gw_str name = gw_arena_printf(&arena, "m%d", i);
            struct gw_str text = gw_arena_printf(&arena, "v%d", i + round);
            assert_int_equal(gw_value_add_member(&builder, name, gw_value_string(text)), 0);
        }
    }
    struct gw_value object = gw_value_built_object(&builder);
    assert_int_equal(object.count, MANY);
    for (int i = 0; i < MANY; i++) {
        struct gw_str name = gw_arena_printf(&arena, "m%d", i);
        struct gw_str text = gw_arena_printf(&arena, "v%d", i + 1);
        assert_true(gw_str_equal(object.members[i].name, name));
        assert_true(gw_str_equal(gw_value_member_text(&object, name), text));
    }
    assert_null(gw_value_member(&object, GW_STR("m500")));
}

static void members_are_found(void **state)
{
    struct gw_value value = read_text("{\"a\":\"x\",\"b\":[1],\"\":null}");

    (void)state;
    assert_true(gw_str_equal(gw_value_member_text(&value, GW_STR("a")), GW_STR("x")));
    assert_null(gw_value_member_text(&value, GW_STR("b")).ptr);
    assert_int_equal(gw_value_member(&value, GW_STR("b"))->type, GW_JSON_ARRAY);
    assert_int_equal(gw_value_member(&value, GW_STR(""))->type, GW_JSON_NULL);
    assert_null(gw_value_member(NULL, GW_STR("a")));
    assert_null(gw_value_member(gw_value_member(&value, GW_STR("b")), GW_STR("a")));
}

static void equality_is_by_value(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_equal;
    } cases[] = {
        {"1", "1.0", true},
        {"100", "1e2", true},
        {"0", "-0", true},
        {"9007199254740993", "9007199254740992", false},
        {"0.1", "0.10000000000000000001", false},
        {"1", "\"1\"", false},
        {"true", "false", false},
        {"null", "null", true},
        {"[1,2]", "[1.0,2]", true},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":{\"x\":[]}}", "{\"a\":{\"x\":{}}}", false},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_value a = read_text(cases[i].a), b = read_text(cases[i].b);
        assert_int_equal(gw_value_equal(&a, &b), cases[i].is_equal);
        assert_int_equal(gw_value_equal(&b, &a), cases[i].is_equal);
    }
}

/* The members of `from` to `to`, upwards or downwards. */
static struct gw_value numbered(int from, int to)
{
    struct gw_value_builder builder = {.arena = &arena};

    for (int i = from; i != to; i += from < to ? 1 : -1) {
        struct gw_str name = gw_arena_printf(&arena, "m%d", i);
        assert_int_equal(gw_value_add_member(&builder, name, gw_value_string(name)), 0);
    }
    return gw_value_built_object(&builder);
}

static void large_objects_are_equal_whatever_their_order(void **state)
{
    struct gw_value up = numbered(1, MANY + 1), down = numbered(MANY, 0);
    struct gw_value other = numbered(MANY - 1, -1);

    (void)state;
    assert_true(gw_value_equal(&up, &down));
    assert_false(gw_value_equal(&up, &other));
}

static void a_copy_borrows_nothing(void **state)
{
    char text[] = "{\"name\":[\"value\",12.50,true,{}],\"empty\":\"\"}";
    struct gw_value original = read_text(text), copy;

    (void)state;
    assert_int_equal(gw_value_copy(&arena, &original, &copy), 0);
    assert_true(gw_value_equal(&original, &copy));
    memset(text, '#', sizeof(text) - 1);
    assert_written(&copy, "{\"name\":[\"value\",12.50,true,{}],\"empty\":\"\"}");
}

static struct gw_value nest(unsigned depth)
{
    struct gw_value value = gw_value_null();

    for (unsigned i = 0; i < depth; i++) {
        struct gw_value_builder builder = {.arena = &arena};
        assert_int_equal(gw_value_add_item(&builder, value), 0);
        value = gw_value_built_array(&builder);
    }
    return value;
}

static void depth_is_bounded(void **state)
{
    struct gw_value deep = nest(GW_VALUE_MAX_DEPTH), deeper = nest(GW_VALUE_MAX_DEPTH + 1), copy;
    struct gw_buf buf;

    (void)state;
    gw_buf_init(&buf, 1 << 20);
    gw_value_write(&buf, &deep);
    assert_false(buf.has_failed);
    gw_value_write(&buf, &deeper);
    assert_true(buf.has_failed);
    gw_buf_finish(&buf);
    assert_int_equal(gw_value_copy(&arena, &deep, &copy), 0);
    assert_true(gw_value_equal(&deep, &copy));
    assert_int_equal(gw_value_copy(&arena, &deeper, &copy), -ENOMEM);
    assert_false(gw_value_equal(&deeper, &deeper));
}

/* At each ceiling from none to enough, what fails says so. */
static void without_memory_it_fails(void **state)
{
    struct gw_value value = read_text("{\"a\":[1,2,{\"b\":\"\\u00e4\"}],\"a\":{\"c\":null}}");
    struct gw_value copy;
    struct gw_json_error error;
    bool is_done = false;

    (void)state;
    for (size_t max = 0; !is_done && max < 16384; max += 16) {
        struct gw_arena small;
        gw_arena_init(&small, 16, max);
        int rc = gw_value_copy(&small, &value, &copy);
        assert_true(rc == 0 || rc == -ENOMEM);
        gw_arena_reset(&small);
        rc = gw_value_read(&small, GW_STR("{\"a\":[1,{}],\"a\":2}"), NULL, &copy, &error);
        assert_true(rc == 0 || rc == -ENOMEM);
        is_done = rc == 0;
        gw_arena_finish(&small);
    }
    assert_true(is_done);
}

static void what_is_longer(void **state)
{
    struct gw_value deep[600];

    (void)state;
    struct gw_value value = read_text("{\"name\":[\"0123456789\",12345,null]}");
    assert_true(gw_value_is_longer(&value, 30));
    assert_false(gw_value_is_longer(&value, 100));
    value = gw_value_null();
    assert_false(gw_value_is_longer(&value, 5));
    deep[0] = gw_value_null();
    for (size_t i = 1; i < GW_COUNT_OF(deep); i++)
        deep[i] = gw_value_array(&deep[i - 1], 1);
    assert_false(gw_value_is_longer(&deep[GW_COUNT_OF(deep) - 1], 100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_again),
        cmocka_unit_test(of_two_members_of_one_name_the_last_counts),
        cmocka_unit_test(wrong_text_is_refused),
        cmocka_unit_test(arrays_are_built),
        cmocka_unit_test(members_are_built_and_replaced),
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(equality_is_by_value),
        cmocka_unit_test(large_objects_are_equal_whatever_their_order),
        cmocka_unit_test(a_copy_borrows_nothing),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(without_memory_it_fails),
        cmocka_unit_test(what_is_longer),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
