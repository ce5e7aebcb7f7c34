/* Values written out as parameters, each style by the table of OpenAPI 3.1 ("Style Examples"). */
#include "server/contract/parameter_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/buf.h"

static const char blue[] = "\"blue\"", list[] = "[\"blue\",\"black\",\"brown\"]",
                  object[] = "{\"R\":100,\"G\":200,\"B\":150}";

static const struct {
    enum gw_parameter_place place;
    enum gw_parameter_style style;
    bool explode;
    const char *value, *text; /* text NULL: it cannot be said */
} cases[] = {
    {GW_IN_PATH, GW_STYLE_MATRIX, false, blue, ";color=blue"},
    {GW_IN_PATH, GW_STYLE_MATRIX, false, list, ";color=blue,black,brown"},
    {GW_IN_PATH, GW_STYLE_MATRIX, false, object, ";color=R,100,G,200,B,150"},
    {GW_IN_PATH, GW_STYLE_MATRIX, true, list, ";color=blue;color=black;color=brown"},
    {GW_IN_PATH, GW_STYLE_LABEL, false, blue, ".blue"},
    {GW_IN_PATH, GW_STYLE_LABEL, false, list, ".blue,black,brown"},
    {GW_IN_PATH, GW_STYLE_LABEL, true, list, ".blue.black.brown"},
    {GW_IN_PATH, GW_STYLE_LABEL, true, object, ".R=100.G=200.B=150"},
    {GW_IN_PATH, GW_STYLE_SIMPLE, false, list, "blue,black,brown"},
    {GW_IN_PATH, GW_STYLE_SIMPLE, false, object, "R,100,G,200,B,150"},
    {GW_IN_PATH, GW_STYLE_SIMPLE, true, object, "R=100,G=200,B=150"},
    {GW_IN_QUERY, GW_STYLE_FORM, true, blue, "color=blue"},
    {GW_IN_QUERY, GW_STYLE_FORM, true, "\"\"", "color="},
    {GW_IN_QUERY, GW_STYLE_FORM, true, list, "color=blue&color=black&color=brown"},
    {GW_IN_QUERY, GW_STYLE_FORM, true, object, "R=100&G=200&B=150"},
    {GW_IN_QUERY, GW_STYLE_FORM, false, list, "color=blue,black,brown"},
    {GW_IN_QUERY, GW_STYLE_FORM, false, object, "color=R,100,G,200,B,150"},
    {GW_IN_QUERY, GW_STYLE_SPACE_DELIMITED, false, list, "color=blue%20black%20brown"},
    {GW_IN_QUERY, GW_STYLE_PIPE_DELIMITED, false, list, "color=blue%7Cblack%7Cbrown"},
    {GW_IN_QUERY, GW_STYLE_DEEP_OBJECT, true, object,
     "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"},
    {GW_IN_QUERY, GW_STYLE_DEEP_OBJECT, true, list, NULL},
    {GW_IN_COOKIE, GW_STYLE_FORM, true, list, "color=blue; color=black; color=brown"},
    {GW_IN_HEADER, GW_STYLE_SIMPLE, false, list, "blue,black,brown"},
    {GW_IN_HEADER, GW_STYLE_SIMPLE, true, object, "R=100,G=200,B=150"},
    {GW_IN_HEADER, GW_STYLE_SIMPLE, false, "\"a b\"", "a b"},
    {GW_IN_QUERY, GW_STYLE_FORM, true, "\"a b&c=\\u00e4+\"", "color=a%20b%26c%3D%C3%A4%2B"},
    {GW_IN_QUERY, GW_STYLE_FORM, true, "12345678901234567890.10", "color=12345678901234567890.10"},
    {GW_IN_QUERY, GW_STYLE_FORM, true, "true", "color=true"},
    {GW_IN_QUERY, GW_STYLE_FORM, true, "[[1]]", NULL},
    {GW_IN_PATH, GW_STYLE_SIMPLE, false, "\"a/b?c#d\"", "a%2Fb%3Fc%23d"},
    {GW_IN_PATH, GW_STYLE_SIMPLE, false, "\"..\"", NULL},
    {GW_IN_PATH, GW_STYLE_SIMPLE, false, "\".\"", NULL},
    {GW_IN_PATH, GW_STYLE_SIMPLE, false, "\"\"", NULL},
    {GW_IN_PATH, GW_STYLE_SIMPLE, false, "null", NULL},
    {GW_IN_PATH, GW_STYLE_SIMPLE, false, "[]", NULL},
    {GW_IN_PATH, GW_STYLE_SIMPLE, false, "\"...\"", "..."},
};

static void check(const struct gw_parameter *parameter, const char *json, const char *expected)
{
    struct gw_json_error error;
    struct gw_value value;
    struct gw_arena arena;
    struct gw_buf text;

    gw_arena_init(&arena, 4096, 1 << 20);
    gw_buf_init(&text, 4096);
    gw_buf_append_text(&text, "before/"); /* what stands there already is not the value's */
    assert_int_equal(gw_value_read(&arena, gw_str_of(json), NULL, &value, &error), 0);
    int rc = gw_parameter_append(&text, parameter, &value);
    assert_int_equal(rc, expected == NULL ? -EINVAL : 0);
    gw_buf_append_byte(&text, '\0');
    if (expected != NULL)
        assert_string_equal(text.ptr + strlen("before/"), expected);
    gw_buf_finish(&text);
    gw_arena_finish(&arena);
}

static void test_styles(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const struct gw_parameter parameter = {.name = GW_STR("color"),
                                               .place = cases[i].place,
                                               .style = cases[i].style,
                                               .explode = cases[i].explode};
        check(&parameter, cases[i].value, cases[i].text);
    }
}

static void test_content(void **state)
{
    const struct gw_parameter query = {
        .name = GW_STR("f"), .place = GW_IN_QUERY, .is_json = true, .is_content = true};
    const struct gw_parameter header = {
        .name = GW_STR("f"), .place = GW_IN_HEADER, .is_json = true, .is_content = true};

    (void)state;
    check(&query, "{\"a\": [1]}", "f=%7B%22a%22%3A%5B1%5D%7D");
    check(&header, "{\"a\": [1]}", "{\"a\":[1]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_styles),
        cmocka_unit_test(test_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
