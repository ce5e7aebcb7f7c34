/* Paths with parameters, and who is asking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/gateway/admin_route.h"

static struct gw_exchange_pool pool;

static void answer(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)server;
    (void)ex;
    (void)body;
}

static const struct gw_admin_route routes[] = {
    {GW_METHOD_GET, "/keys", answer, NULL, false, NULL},
    {GW_METHOD_POST, "/keys", answer, NULL, false, NULL},
    {GW_METHOD_DELETE, "/keys/{id}", answer, NULL, false, NULL},
    {GW_METHOD_POST, "/issuers/{name}/flush", answer, NULL, false, NULL},
    {0},
};

static struct gw_exchange *begin(enum gw_method method, const char *path)
{
    gw_exchange_pool_init(&pool, 1, 1 << 20);
    struct gw_exchange *ex = gw_exchange_take(&pool);
    assert_non_null(ex);
    ex->request.method = method;
    ex->request.path = gw_str_of(path);
    return ex;
}

static void end(struct gw_exchange *ex)
{
    gw_exchange_give_back(&pool, ex);
    gw_exchange_pool_finish(&pool);
}

static void a_path_finds_its_route_and_parameters(void **state)
{
    (void)state;
    static const struct {
        enum gw_method method;
        const char *path;
        enum gw_admin_match match;
        size_t route;
        const char *parameter; /* or Allow */
    } cases[] = {
        {GW_METHOD_GET, "/keys", GW_ADMIN_FOUND, 0, NULL},
        {GW_METHOD_HEAD, "/keys", GW_ADMIN_FOUND, 0, NULL},
        {GW_METHOD_POST, "/keys", GW_ADMIN_FOUND, 1, NULL},
        {GW_METHOD_DELETE, "/keys", GW_ADMIN_NO_METHOD, 0, "GET, HEAD, POST"},
        {GW_METHOD_DELETE, "/keys/abc", GW_ADMIN_FOUND, 2, "abc"},
        {GW_METHOD_DELETE, "/keys/a%3Ab%20c", GW_ADMIN_FOUND, 2, "a:b c"},
        {GW_METHOD_DELETE, "/keys/%2fetc", GW_ADMIN_FOUND, 2, "/etc"},
        {GW_METHOD_DELETE, "/keys/a%00b", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_DELETE, "/keys/a%0ab", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_DELETE, "/keys/a%4", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_DELETE, "/keys/a%", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_DELETE, "/keys/a%zz", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_DELETE, "/keys/", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_DELETE, "/keys/a/b", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_DELETE, "/keys/a/", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_GET, "/keys/", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_GET, "/Keys", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_GET, "/key", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_GET, "", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_POST, "/issuers/corp/flush", GW_ADMIN_FOUND, 3, "corp"},
        {GW_METHOD_POST, "/issuers//flush", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_POST, "/issuers/corp", GW_ADMIN_NO_PATH, 0, NULL},
        {GW_METHOD_OTHER, "/issuers/corp/flush", GW_ADMIN_NO_METHOD, 0, "POST"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_exchange *ex = begin(cases[i].method, cases[i].path);
        const struct gw_admin_route *route = NULL;
        struct gw_str allow = {0};
        enum gw_admin_match match = gw_admin_route_find(routes, ex, &route, &allow);
        if (match != cases[i].match)
            print_error("%s\n", cases[i].path);
        assert_int_equal(match, cases[i].match);
        if (match == GW_ADMIN_FOUND)
            assert_ptr_equal(route, &routes[cases[i].route]);
        struct gw_str text = match == GW_ADMIN_FOUND ? gw_admin_parameter(ex, 0) : allow;
        assert_true(gw_str_equal(text, gw_str_of(cases[i].parameter)));
        end(ex);
    }
}

static void the_query_is_decoded(void **state)
{
    (void)state;
    struct gw_exchange *ex = begin(GW_METHOD_GET, "/keys");

    ex->request.query = GW_STR("a&consumer=corp%3aerp&consumer=other&limit=&bad=%1&z=1");
    assert_true(gw_str_equal(gw_admin_query(ex, GW_STR("consumer")), GW_STR("corp:erp")));
    assert_true(gw_str_equal(gw_admin_query(ex, GW_STR("z")), GW_STR("1")));
    assert_non_null(gw_admin_query(ex, GW_STR("limit")).ptr);
    assert_null(gw_admin_query(ex, GW_STR("a")).ptr);
    assert_null(gw_admin_query(ex, GW_STR("bad")).ptr);
    assert_null(gw_admin_query(ex, GW_STR("no")).ptr);
    end(ex);
}

static void who_is_told_by_what_was_shown(void **state)
{
    (void)state;
    struct gw_exchange *ex = begin(GW_METHOD_GET, "/keys");

    ex->request.peer = GW_STR("10.1.2.3");
    assert_true(gw_str_equal(gw_admin_who(ex), GW_STR("address 10.1.2.3")));
    ex->request.peer = GW_STR("unix:1000");
    assert_true(gw_str_equal(gw_admin_who(ex), GW_STR("socket uid 1000")));
    ex->identity.consumer = GW_STR("corp:ops");
    assert_true(gw_str_equal(gw_admin_who(ex), GW_STR("corp:ops")));
    end(ex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_its_route_and_parameters),
        cmocka_unit_test(the_query_is_decoded),
        cmocka_unit_test(who_is_told_by_what_was_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
