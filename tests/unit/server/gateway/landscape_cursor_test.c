#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/gateway/landscape_cursor.h"

static int set_up(void **state)
{
    static struct gw_arena arena;

    gw_arena_init(&arena, 4096, 1 << 20);
    *state = &arena;
    return 0;
}

static int tear_down(void **state)
{
    gw_arena_finish(*state);
    return 0;
}

static void round_trip(struct gw_arena *arena, const struct gw_part_cursor *parts, size_t count)
{
    struct gw_part_cursor back[GW_MAX_LANDSCAPE_SYSTEMS];
    struct gw_str text;
    size_t found;

    assert_int_equal(gw_landscape_cursor_write(arena, parts, count, &text), 0);
    assert_true(text.len <= GW_MAX_CURSOR_CHARS);
    for (size_t i = 0; i < text.len; i++)
        assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                               text.ptr[i]));
    assert_int_equal(gw_landscape_cursor_read(arena, text, back, &found), 0);
    assert_int_equal(found, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(gw_str_equal(back[i].system, parts[i].system));
        assert_true(gw_str_equal(back[i].cursor, parts[i].cursor));
        assert_int_equal(back[i].skip, parts[i].skip);
    }
}

static void test_what_is_written_is_read(void **state)
{
    const struct gw_part_cursor parts[] = {
        {GW_STR("plant1"), GW_STR("eyJhZnRlciI6IjEwMDAwNDIifQ"), 0}, /* base64url: packed */
        {GW_STR("cloud"), GW_STR(""), 65535},
        {GW_STR("third"), GW_STR("no base64: {}"), 7},
        {GW_STR("x"), GW_STR("p3"), 1}, /* of its alphabet, but with loose bits */
    };

    for (size_t count = 1; count <= GW_COUNT_OF(parts); count++)
        round_trip(*state, parts, count);
}

/* A cursor of ours within one of ours costs no more than its own length. */
static void test_long_cursors(void **state)
{
    char text[1000] = {0};
    struct gw_part_cursor part = {GW_STR("plant1"), gw_str_from(text, 960), 3};
    struct gw_str out;

    memset(text, 'A', sizeof(text));
    round_trip(*state, &part, 1);
    part.cursor.len = 1000;
    assert_int_equal(gw_landscape_cursor_write(*state, &part, 1, &out), -EMSGSIZE);
    part.cursor.len = 10;
    part.skip = 65536;
    assert_int_equal(gw_landscape_cursor_write(*state, &part, 1, &out), -EMSGSIZE);
}

static void test_rubbish_is_refused(void **state)
{
    const struct gw_part_cursor part = {GW_STR("plant1"), GW_STR("p3"), 2};
    struct gw_part_cursor back[GW_MAX_LANDSCAPE_SYSTEMS];
    struct gw_str text;
    size_t count;

    assert_int_equal(gw_landscape_cursor_write(*state, &part, 1, &text), 0);
    for (size_t i = 0; i < text.len; i++) {
        struct gw_str cut = gw_str_from(text.ptr, i);
        assert_int_equal(gw_landscape_cursor_read(*state, cut, back, &count), -EINVAL);
        char changed[200];
        memcpy(changed, text.ptr, text.len);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(
            gw_landscape_cursor_read(*state, gw_str_from(changed, text.len), back, &count),
            -EINVAL);
    }
    assert_int_equal(gw_landscape_cursor_read(*state, GW_STR("p3"), back, &count), -EINVAL);
    assert_int_equal(gw_landscape_cursor_read(*state, GW_STR(""), back, &count), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_cursors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rubbish_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
