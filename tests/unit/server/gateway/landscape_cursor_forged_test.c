/* Cursors that a caller has made up: each is refused, or is what an honest one could be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/gateway/landscape_cursor.h"

static struct gw_arena arena;

static int open_arena(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static int pass_on(struct gw_str cursor, struct gw_part_cursor *out)
{
    const struct gw_part_cursor part = {.system = GW_STR("plant1"), .cursor = cursor, .skip = 7};
    struct gw_part_cursor parts[GW_MAX_LANDSCAPE_SYSTEMS];
    struct gw_str text;
    size_t count;

    assert_int_equal(gw_landscape_cursor_write(&arena, &part, 1, &text), 0);
    int rc = gw_landscape_cursor_read(&arena, text, parts, &count);
    if (rc == 0) {
        assert_int_equal(count, 1);
        *out = parts[0];
    }
    return rc;
}

static void what_systems_give_comes_back(void **state)
{
    static const char *const cursors[] = {"", "eyJhIjoxfQ", "$skiptoken='a b'&$top=5", "\xc3\xa4"};
    struct gw_part_cursor part;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cursors); i++) {
        assert_int_equal(pass_on(gw_str_of(cursors[i]), &part), 0);
        assert_true(gw_str_equal(part.cursor, gw_str_of(cursors[i])));
        assert_true(gw_str_equal(part.system, GW_STR("plant1")));
        assert_int_equal(part.skip, 7);
    }
}

static void what_is_no_text_is_no_cursor(void **state)
{
    const struct gw_str cursors[] = {GW_STR("\xff\xfe"), GW_STR("a\r\nX: 1"),
                                     gw_str_from("a\0b", 3), GW_STR("\xed\xa0\x80"),
                                     GW_STR("a\x7f")};
    struct gw_part_cursor part;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cursors); i++)
        assert_int_equal(pass_on(cursors[i], &part), -EINVAL);
}

static void a_changed_byte_is_noticed(void **state)
{
    const struct gw_part_cursor part = {.system = GW_STR("plant1"), .cursor = GW_STR("a b")};
    struct gw_part_cursor parts[GW_MAX_LANDSCAPE_SYSTEMS];
    struct gw_str text;
    size_t count;

    (void)state;
    assert_int_equal(gw_landscape_cursor_write(&arena, &part, 1, &text), 0);
    for (size_t i = 0; i < text.len; i++) {
        struct gw_str changed = gw_arena_copy(&arena, text);
        ((char *)(uintptr_t)changed.ptr)[i] = changed.ptr[i] == 'A' ? 'B' : 'A';
        assert_int_equal(gw_landscape_cursor_read(&arena, changed, parts, &count), -EINVAL);
        assert_int_equal(gw_landscape_cursor_read(&arena, gw_str_from(text.ptr, i), parts, &count),
                         -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_systems_give_comes_back, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(what_is_no_text_is_no_cursor, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_changed_byte_is_noticed, open_arena, close_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
