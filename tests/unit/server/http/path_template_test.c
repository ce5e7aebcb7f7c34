#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/http/path_template.h"

static void templates_are_cut_into_pieces(void **state)
{
    (void)state;
    struct gw_arena arena;
    struct gw_path_template path;
    struct gw_error error;

    gw_arena_init(&arena, 4096, 1 << 20);
    assert_int_equal(
        gw_path_template_parse(&arena, GW_STR("/A('{id}')/{x}-{y}.json/b c/"), &path, &error), 0);
    assert_int_equal(path.segment_count, 4);
    assert_int_equal(path.parameter_count, 3);
    assert_string_equal(path.parameters[1].ptr, "x");
    assert_int_equal(gw_path_template_find(&path, GW_STR("y")), 2);
    assert_true(gw_path_template_find(&path, GW_STR("z")) == SIZE_MAX);
    assert_string_equal(path.segments[0].shape.ptr, "A('{}')");
    assert_int_equal(path.segments[0].literal_bytes, 5);
    assert_string_equal(path.segments[1].shape.ptr, "{}-{}.json");
    assert_int_equal(path.segments[1].piece_count, 4);
    assert_string_equal(path.segments[2].shape.ptr, "b%20c");
    assert_int_equal(path.segments[3].piece_count, 0);
    gw_arena_finish(&arena);
}

static void bad_templates_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          "a",
        "a/b",       "/a?b",
        "/a#b",      "/{",
        "/}",        "/{a",
        "/a}b",      "/{}",
        "/{a}{b}",   "/{a}/{a}",
        "/{a{b}}",   "/..",
        "/%2e",      "/a/./b",
        "/%2",       "/%zz",
        "/%00",      "/a\tb",
        "/%2e%2E/x", "/{a}.{b}.{c}.{d}.{e}.{f}.{g}.{h}.{i}.{j}.{k}.{l}.{m}.{n}.{o}.{p}.{q}",
    };

    for (size_t i = 0; i < GW_COUNT_OF(bad); i++) {
        struct gw_arena arena;
        struct gw_path_template path;
        struct gw_error error = {.text = ""};
        gw_arena_init(&arena, 4096, 1 << 20);
        int rc = gw_path_template_parse(&arena, gw_str_of(bad[i]), &path, &error);
        if (rc == 0)
            print_error("accepted: %s\n", bad[i]);
        assert_int_equal(rc, -22);
        assert_true(error.text[0] != '\0');
        gw_arena_finish(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_cut_into_pieces),
        cmocka_unit_test(bad_templates_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
