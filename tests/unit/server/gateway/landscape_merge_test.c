#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/gateway/landscape_difference.h"
#include "server/gateway/landscape_merge.h"

static struct gw_arena arena;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static struct gw_value value_of(const char *text)
{
    struct gw_json_error error;
    struct gw_value value;

    assert_int_equal(gw_value_read(&arena, gw_str_of(text), NULL, &value, &error), 0);
    return value;
}

static struct gw_merge_part page_of(const char *text, bool has_next)
{
    struct gw_value items = value_of(text);

    return (struct gw_merge_part){.items = items.items, .count = items.count, .has_next = has_next};
}

static void assert_merged(const struct gw_merge *merge, const char *expected)
{
    struct gw_value out[32], wanted = value_of(expected);
    size_t count = gw_merge_pages(merge, out);
    struct gw_value got = gw_value_array(out, count);
    struct gw_buf text;

    gw_buf_init(&text, 4096);
    gw_value_write(&text, &got);
    gw_buf_append_byte(&text, '\0');
    if (!gw_value_equal(&got, &wanted))
        fail_msg("%s instead of %s", text.ptr, expected);
    gw_buf_finish(&text);
}

static void test_two_pages_become_one(void **state)
{
    struct gw_merge_part parts[] = {page_of("[{\"id\":\"a\"},{\"id\":\"c\"}]", false),
                                    page_of("[{\"id\":\"b\"},{\"id\":\"d\"}]", false)};
    struct gw_merge merge = {.parts = parts, .count = 2, .limit = 3};

    (void)state;
    assert_merged(&merge, "[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"}]");
    assert_int_equal(parts[0].at, 2);
    assert_int_equal(parts[1].at, 1);
    assert_merged(&merge, "[{\"id\":\"d\"}]");
    assert_merged(&merge, "[]");
}

/* What stands behind a page that is used up may be smaller than all others have. */
static void test_it_stops_where_a_part_must_be_asked_again(void **state)
{
    struct gw_merge_part parts[] = {page_of("[{\"id\":\"a\"}]", true),
                                    page_of("[{\"id\":\"c\"},{\"id\":\"d\"}]", false)};
    struct gw_merge merge = {.parts = parts, .count = 2, .limit = 10};

    (void)state;
    assert_merged(&merge, "[{\"id\":\"a\"}]");
    assert_int_equal(parts[1].at, 0);
}

static bool is_even(void *self, size_t part, const struct gw_value *item)
{
    struct gw_str id = gw_value_member_text(item, GW_STR("id"));

    (void)self;
    (void)part;
    return (id.ptr[0] - '0') % 2 == 0;
}

static void test_unwanted_items_are_passed(void **state)
{
    struct gw_merge_part parts[] = {
        page_of("[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"3\"}]", false),
        page_of("[{\"id\":\"4\"},{\"id\":\"5\"}]", false)};
    struct gw_merge merge = {.parts = parts, .count = 2, .limit = 10, .is_wanted = is_even};

    (void)state;
    assert_merged(&merge, "[{\"id\":\"2\"},{\"id\":\"4\"}]");
    assert_int_equal(parts[0].at, 3);
    assert_int_equal(parts[1].at, 2);
}

static int compare(const char *sort, const char *a, const char *b)
{
    struct gw_value one = value_of(a), other = value_of(b);
    int order = gw_merge_compare(gw_str_of(sort), &one, &other);

    return (order > 0) - (order < 0);
}

static void test_order(void **state)
{
    (void)state;
    assert_int_equal(compare("", "{\"id\":\"a\"}", "{\"id\":\"b\"}"), -1);
    assert_int_equal(compare("-id", "{\"id\":\"a\"}", "{\"id\":\"b\"}"), 1);
    assert_int_equal(compare("n", "{\"n\":9}", "{\"n\":10}"), -1);
    assert_int_equal(compare("n", "{\"n\":\"9\"}", "{\"n\":\"10\"}"), 1);
    assert_int_equal(compare("n", "{\"n\":1.0}", "{\"n\":1}"), 0);
    assert_int_equal(compare("q", "{\"q\":{\"value\":\"9.50\",\"unit\":\"KGM\"}}",
                             "{\"q\":{\"value\":\"10\",\"unit\":\"KGM\"}}"),
                     -1);
    assert_int_equal(compare("n", "{}", "{\"n\":1}"), 1);
    assert_int_equal(compare("-n", "{}", "{\"n\":1}"), 1);
    assert_int_equal(compare("n", "{}", "{}"), 0);
    assert_int_equal(compare("n,-id", "{\"n\":1,\"id\":\"a\"}", "{\"n\":1,\"id\":\"b\"}"), 1);
}

static void assert_difference(const char *a, const char *b, const char *pointer)
{
    static const struct gw_str ignored[] = {GW_STR_INIT("record")};
    struct gw_value one = value_of(a), other = value_of(b);
    struct gw_buf text;

    gw_buf_init(&text, 1000);
    bool differs = gw_landscape_difference(&one, &other, ignored, 1, &text);
    gw_buf_append_byte(&text, '\0');
    assert_int_equal(differs, pointer != NULL);
    if (pointer != NULL)
        assert_string_equal(text.ptr, pointer);
    gw_buf_finish(&text);
}

static void test_differences(void **state)
{
    (void)state;
    assert_difference("{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}", NULL);
    assert_difference("{\"a\":[1,{\"b\":2}]}", "{\"a\":[1,{\"b\":3}]}", "/a/1/b");
    assert_difference("{\"a\":[1]}", "{\"a\":[1,2]}", "/a/1");
    assert_difference("{\"a\":1}", "{\"a\":1,\"b/c\":2}", "/b~1c");
    assert_difference("{\"a\":1,\"b\":2}", "{\"a\":1}", "/b");
    assert_difference("{\"a\":{\"x\":1},\"b\":2}", "{\"a\":{\"x\":1},\"b\":3}", "/b");
    assert_difference("{\"a\":1,\"record\":{\"id\":1}}", "{\"a\":1,\"record\":{\"id\":2}}", NULL);
    assert_difference("{\"i\":[{\"record\":1}]}", "{\"i\":[{}]}", NULL);
    assert_difference("1", "\"1\"", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_pages_become_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_stops_where_a_part_must_be_asked_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unwanted_items_are_passed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_differences, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
