#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/http/router.h"

struct line {
    enum gw_method method;
    const char *path;
};

static int try_routes(const struct line *lines, size_t count, struct gw_router **out_router,
                      struct gw_error *error)
{
    struct gw_route routes[64];

    assert_true(count <= GW_COUNT_OF(routes));
    for (size_t i = 0; i < count; i++)
        routes[i] =
            (struct gw_route){lines[i].method, gw_str_of(lines[i].path),
                              i == 0 ? GW_STR("first.yaml") : GW_STR("other.yaml"), lines[i].path};
    return gw_router_create(routes, count, out_router, error);
}

static const struct line lines[] = {
    {GW_METHOD_GET, "/"},
    {GW_METHOD_GET, "/a"},
    {GW_METHOD_GET, "/a/"},
    {GW_METHOD_GET, "/a/{x}"},
    {GW_METHOD_POST, "/a/{x}"},
    {GW_METHOD_DELETE, "/a/{x}"},
    {GW_METHOD_GET, "/a/mine"},
    {GW_METHOD_GET, "/a/{x}/b/{y}"},
    {GW_METHOD_GET, "/a/{x}/b/c"},
    {GW_METHOD_GET, "/{any}/z"},
    {GW_METHOD_GET, "/f/{id}.json"},
    {GW_METHOD_GET, "/f/{id}.json.gz"},
    {GW_METHOD_GET, "/f/{id}"},
    {GW_METHOD_GET, "/f/{year}-{month}-{day}"},
    {GW_METHOD_GET, "/o/A('{id}')"},
    {GW_METHOD_GET, "/o/AB('{id}')"},
    {GW_METHOD_GET, "/o/A(k1={k1},k2={k2})"},
    {GW_METHOD_GET, "/o/{set}"},
    {GW_METHOD_GET, "/s/{a}F"},
    {GW_METHOD_GET, "/t/{a}2{b}"},
    {GW_METHOD_OPTIONS, "/opt"},
    {GW_METHOD_PUT, "/opt"},
};

struct expectation {
    const char *path;
    const char *route; /* NULL: not found; "!": refused */
    const char *values;
};

static const struct expectation expectations[] = {
    {"/", "/", ""},
    {"/a", "/a", ""},
    {"/a/", "/a/", ""},
    {"/a//", NULL, ""},
    {"//a", NULL, ""},
    {"/a/1", "/a/{x}", "1,"},
    {"/a/mine", "/a/mine", ""},
    {"/a/%6Dine", "/a/mine", ""},
    {"/a/mine2", "/a/{x}", "mine2,"},
    {"/a/1%2F2", "/a/{x}", "1%2F2,"},
    {"/a/mine/b/c", "/a/{x}/b/c", "mine,"},
    {"/a/1/b/2", "/a/{x}/b/{y}", "1,2,"},
    {"/a/1/b/", NULL, ""},
    {"/a//b/c", NULL, ""},
    {"/a/z", "/a/{x}", "z,"},
    {"/b/z", "/{any}/z", "b,"},
    {"/b/y", NULL, ""},
    {"/f/z", "/f/{id}", "z,"},
    {"/f/1.json", "/f/{id}.json", "1,"},
    {"/f/1%2ejson", "/f/{id}.json", "1,"},
    {"/f/1.json.gz", "/f/{id}.json.gz", "1,"},
    {"/f/.json", "/f/{id}", ".json,"},
    {"/f/...json", "!", ""}, /* the value is ".." */
    {"/f/..;.json", "!", ""},
    {"/f/2026-11-22", "/f/{year}-{month}-{day}", "2026,11,22,"},
    {"/f/2026-11-22-33", "/f/{year}-{month}-{day}", "2026,11,22-33,"},
    {"/f/2026--22", "/f/{id}", "2026--22,"},
    {"/f/----", "/f/{id}", "----,"},
    {"/f/-----", "/f/{year}-{month}-{day}", "-,-,-,"},
    {"/o/A('x')", "/o/A('{id}')", "x,"},
    {"/o/A(%27x%27)", "/o/A('{id}')", "x,"},
    {"/o/A%28'%27')", "/o/A('{id}')", "%27,"},
    {"/o/AB('x')", "/o/AB('{id}')", "x,"},
    {"/o/A('')", "/o/{set}", "A(''),"},
    {"/o/A(k1=1,k2=2)", "/o/A(k1={k1},k2={k2})", "1,2,"},
    {"/o/Other", "/o/{set}", "Other,"},
    {"/s/x%2F", NULL, ""}, /* the F of an escape is no F */
    {"/s/x%2FF", "/s/{a}F", "x%2F,"},
    {"/t/x%2Fy", NULL, ""},
    {"/t/x%2Fy2z", "/t/{a}2{b}", "x%2Fy,z,"},
    {"/a/../b", "!", ""},
    {"/a/%2e%2e", "!", ""},
    {"", "!", ""},
    {"/x/y/z/1/2/3/4/5/6/7/8/9", NULL, ""},
};

static void paths_meet_the_right_route(void **state)
{
    (void)state;
    struct gw_router *router;
    struct gw_error error;

    assert_int_equal(try_routes(lines, GW_COUNT_OF(lines), &router, &error), 0);
    for (size_t i = 0; i < GW_COUNT_OF(expectations); i++) {
        const struct expectation *expected = &expectations[i];
        struct gw_route_match match;
        char values[256] = "";
        enum gw_route_result result =
            gw_router_match(router, GW_METHOD_GET, gw_str_of(expected->path), &match);
        const char *route = result == GW_ROUTE_FOUND      ? match.value
                            : result == GW_ROUTE_BAD_PATH ? "!"
                                                          : "-";
        if (strcmp(route, expected->route == NULL ? "-" : expected->route) != 0)
            fail_msg("%s met %s", expected->path, route);
        for (size_t v = 0; result == GW_ROUTE_FOUND && v < match.parameter_count; v++)
            snprintf(values + strlen(values), sizeof(values) - strlen(values), "%.*s,",
                     GW_STR_ARG(match.parameters[v]));
        assert_string_equal(values, expected->values);
    }
    gw_router_destroy(router);
}

static void methods_are_answered_per_path(void **state)
{
    (void)state;
    struct gw_router *router;
    struct gw_error error;
    struct gw_route_match match;

    assert_int_equal(try_routes(lines, GW_COUNT_OF(lines), &router, &error), 0);
    assert_int_equal(gw_router_match(router, GW_METHOD_PUT, GW_STR("/a/1"), &match),
                     GW_ROUTE_BAD_METHOD);
    assert_string_equal(match.allow.ptr, "GET, HEAD, POST, DELETE, OPTIONS");
    assert_int_equal(gw_router_match(router, GW_METHOD_OTHER, GW_STR("/a/1"), &match),
                     GW_ROUTE_BAD_METHOD);
    assert_int_equal(gw_router_match(router, GW_METHOD_OPTIONS, GW_STR("/a/1"), &match),
                     GW_ROUTE_OPTIONS);
    assert_int_equal(gw_router_match(router, GW_METHOD_HEAD, GW_STR("/a/1"), &match),
                     GW_ROUTE_FOUND);
    assert_true(match.is_head_by_get);
    assert_string_equal(match.value, "/a/{x}");
    /* The more literal path decides, although the other one would have the method. */
    assert_int_equal(gw_router_match(router, GW_METHOD_DELETE, GW_STR("/a/mine"), &match),
                     GW_ROUTE_BAD_METHOD);
    assert_string_equal(match.allow.ptr, "GET, HEAD, OPTIONS");
    assert_int_equal(gw_router_match(router, GW_METHOD_OPTIONS, GW_STR("/opt"), &match),
                     GW_ROUTE_FOUND);
    assert_int_equal(gw_router_match(router, GW_METHOD_HEAD, GW_STR("/opt"), &match),
                     GW_ROUTE_BAD_METHOD);
    assert_string_equal(match.allow.ptr, "PUT, OPTIONS");
    assert_int_equal(gw_router_match(router, GW_METHOD_OPTIONS, GW_STR("/none"), &match),
                     GW_ROUTE_NOT_FOUND);
    gw_router_destroy(router);
}

static void clashes_name_both_sides(void **state)
{
    (void)state;
    static const struct line same[] = {{GW_METHOD_GET, "/a/{x}/b"}, {GW_METHOD_GET, "/%61/{y}/b"}};
    static const struct line bad[] = {{GW_METHOD_GET, "/a/{x"}};
    struct gw_router *router = NULL;
    struct gw_error error;

    assert_int_equal(try_routes(same, 2, &router, &error), -22);
    assert_non_null(strstr(error.text, "first.yaml"));
    assert_non_null(strstr(error.text, "other.yaml"));
    assert_non_null(strstr(error.text, "/a/{x}/b"));
    assert_int_equal(try_routes(bad, 1, &router, &error), -22);
    assert_non_null(strstr(error.text, "first.yaml"));
    assert_null(router);
}

/* Every segment both literal and template, twelve deep: 2^13 - 1 nodes could be visited. */
static void backtracking_is_bounded_when_built(void **state)
{
    (void)state;
    enum { DEPTH = 12, COUNT = 1 << DEPTH };
    static struct gw_route routes[COUNT];
    static char texts[COUNT][DEPTH * 5 + 1];
    struct gw_router *router = NULL;
    struct gw_error error;

    for (size_t i = 0; i < COUNT; i++) {
        texts[i][0] = '\0';
        for (int bit = 0; bit < DEPTH; bit++) {
            size_t at = strlen(texts[i]);
            if (i >> bit & 1)
                snprintf(texts[i] + at, sizeof(texts[i]) - at, "/a");
            else
                snprintf(texts[i] + at, sizeof(texts[i]) - at, "/{%c}", 'a' + bit);
        }
        routes[i] = (struct gw_route){GW_METHOD_GET, gw_str_of(texts[i]), GW_STR("x"), texts[i]};
    }
    assert_int_equal(gw_router_create(routes, COUNT, &router, &error), -22);
    assert_non_null(strstr(error.text, "ambiguous"));
}

static void many_routes_are_all_found(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    struct gw_route *routes = calloc(COUNT, sizeof(*routes));
    char(*texts)[64] = calloc(COUNT, sizeof(*texts));
    struct gw_router *router;
    struct gw_error error;

    assert_non_null(routes);
    assert_non_null(texts);
    for (int i = 0; i < COUNT; i++) {
        const char *form =
            i % 2 == 0 ? "/system/s%d/v1/Set%d('{id}')/x" : "/system/s%d/v1/set%d/{id}";
        snprintf(texts[i], sizeof(texts[i]), form, i % 100, i);
        routes[i] = (struct gw_route){GW_METHOD_GET, gw_str_of(texts[i]), GW_STR("x"), texts[i]};
    }
    assert_int_equal(gw_router_create(routes, COUNT, &router, &error), 0);
    for (int i = 0; i < COUNT; i++) {
        char path[64];
        struct gw_route_match match;
        const char *form = i % 2 == 0 ? "/system/s%d/v1/Set%d('7')/x" : "/system/s%d/v1/set%d/7";
        snprintf(path, sizeof(path), form, i % 100, i);
        assert_int_equal(gw_router_match(router, GW_METHOD_GET, gw_str_of(path), &match),
                         GW_ROUTE_FOUND);
        assert_ptr_equal(match.value, texts[i]);
        assert_int_equal(match.parameter_count, 1);
        assert_true(gw_str_equal(match.parameters[0], GW_STR("7")));
    }
    gw_router_destroy(router);
    free(texts);
    free(routes);
}

static void no_routes_match_nothing(void **state)
{
    (void)state;
    struct gw_router *router;
    struct gw_error error;
    struct gw_route_match match;

    assert_int_equal(gw_router_create(NULL, 0, &router, &error), 0);
    assert_int_equal(gw_router_match(router, GW_METHOD_GET, GW_STR("/"), &match),
                     GW_ROUTE_NOT_FOUND);
    gw_router_destroy(router);
    gw_router_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_meet_the_right_route),
        cmocka_unit_test(methods_are_answered_per_path),
        cmocka_unit_test(clashes_name_both_sides),
        cmocka_unit_test(backtracking_is_bounded_when_built),
        cmocka_unit_test(many_routes_are_all_found),
        cmocka_unit_test(no_routes_match_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
