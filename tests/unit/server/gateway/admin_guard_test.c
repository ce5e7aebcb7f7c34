/* Where requests to the admin listener may come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/gateway/admin_guard.h"
#include "server/gateway/server_state.h"

static struct gw_exchange_pool pool;
static char own_peer[32], foreign_peer[32];

static void the_rules_hold(void **state)
{
    (void)state;
    static const struct gw_str hosts[] = {GW_STR_INIT("gw.example.com")};
    struct gw_config config = {
        .admin = {.is_on = true,
                  .at = {.text = GW_STR("10.1.2.3:9901")},
                  .hosts = hosts,
                  .host_count = 1},
    };
    struct gw_snapshot snapshot = {.config = &config};
    struct gw_server *server = calloc(1, sizeof(*server));
    const struct gw_admin_guard guard = {.server = server};
    const struct {
        enum gw_method method;
        const char *peer, *host, *origin, *type, *problem;
        bool is_tls;
    } cases[] = {
        {GW_METHOD_GET, "1.2.3.4", "localhost:9901", NULL, NULL, NULL, false},
        {GW_METHOD_GET, "1.2.3.4", "LOCALHOST", NULL, NULL, NULL, false},
        {GW_METHOD_GET, "1.2.3.4", "127.0.0.1:1", NULL, NULL, NULL, false},
        {GW_METHOD_GET, "1.2.3.4", "[::1]:9901", NULL, NULL, NULL, false},
        {GW_METHOD_GET, "1.2.3.4", "10.1.2.3:9901", NULL, NULL, NULL, false},
        {GW_METHOD_GET, "1.2.3.4", "10.1.2.3", NULL, NULL, NULL, false},
        {GW_METHOD_GET, "1.2.3.4", "GW.example.com:443", NULL, NULL, NULL, false},
        {GW_METHOD_GET, "1.2.3.4", "evil.example", NULL, NULL, "misdirected-request", false},
        {GW_METHOD_GET, "1.2.3.4", "localhost.evil.example", NULL, NULL, "misdirected-request",
         false},
        {GW_METHOD_GET, "1.2.3.4", "", NULL, NULL, "misdirected-request", false},
        {GW_METHOD_GET, "1.2.3.4", "127.0.0.1:80:80", NULL, NULL, "misdirected-request", false},
        {GW_METHOD_GET, "1.2.3.4", "localhost", "http://localhost", NULL, NULL, false},
        {GW_METHOD_GET, "1.2.3.4", "localhost", "https://localhost", NULL, NULL, true},
        {GW_METHOD_GET, "1.2.3.4", "localhost", "https://localhost", NULL, "forbidden", false},
        {GW_METHOD_GET, "1.2.3.4", "localhost", "http://evil.example", NULL, "forbidden", false},
        {GW_METHOD_GET, "1.2.3.4", "localhost", "http://localhost:3000", NULL, "forbidden", false},
        {GW_METHOD_GET, "1.2.3.4", "localhost", "null", NULL, "forbidden", false},
        {GW_METHOD_GET, "1.2.3.4", "localhost", "", NULL, "forbidden", false},
        {GW_METHOD_POST, "1.2.3.4", "localhost", NULL, "application/json", NULL, false},
        {GW_METHOD_POST, "1.2.3.4", "localhost", NULL, "Application/JSON ; charset=utf-8", NULL,
         false},
        {GW_METHOD_POST, "1.2.3.4", "localhost", NULL, NULL, "unsupported-media-type", false},
        {GW_METHOD_POST, "1.2.3.4", "localhost", NULL, "text/plain", "unsupported-media-type",
         false},
        {GW_METHOD_POST, "1.2.3.4", "localhost", NULL, "application/jsonx",
         "unsupported-media-type", false},
        {GW_METHOD_DELETE, "1.2.3.4", "localhost", NULL, NULL, "unsupported-media-type", false},
        {GW_METHOD_OTHER, "1.2.3.4", "localhost", NULL, NULL, "unsupported-media-type", false},
        {GW_METHOD_GET, own_peer, "anything", NULL, NULL, NULL, false},
        {GW_METHOD_GET, "unix:0", "", NULL, NULL, NULL, false},
        {GW_METHOD_POST, own_peer, "anything", NULL, NULL, "unsupported-media-type", false},
        {GW_METHOD_GET, own_peer, "anything", "http://evil.example", NULL, "forbidden", false},
        {GW_METHOD_GET, foreign_peer, "localhost", NULL, NULL, "forbidden", false},
        {GW_METHOD_GET, "unix:", "localhost", NULL, NULL, "forbidden", false},
    };

    snprintf(own_peer, sizeof(own_peer), "unix:%u", (unsigned)geteuid());
    snprintf(foreign_peer, sizeof(foreign_peer), "unix:%u", (unsigned)geteuid() + 1);
    server->current = &snapshot;
    gw_exchange_pool_init(&pool, 1, 1 << 20);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_exchange *ex = gw_exchange_take(&pool);
        const char *detail = NULL;
        ex->request.method = cases[i].method;
        ex->request.peer = gw_str_of(cases[i].peer);
        ex->request.host = gw_str_of(cases[i].host);
        ex->request.is_tls = cases[i].is_tls;
        if (cases[i].origin != NULL)
            assert_int_equal(gw_request_add_field(ex, GW_STR("Origin"), gw_str_of(cases[i].origin)),
                             0);
        if (cases[i].type != NULL)
            assert_int_equal(
                gw_request_add_field(ex, GW_STR("Content-Type"), gw_str_of(cases[i].type)), 0);
        const char *problem = gw_admin_guard_check(&guard, ex, &detail);
        if ((problem == NULL) != (cases[i].problem == NULL))
            print_error("%zu: %s\n", i, problem == NULL ? "passed" : problem);
        if (cases[i].problem == NULL) {
            assert_null(problem);
        } else {
            assert_string_equal(problem, cases[i].problem);
            assert_non_null(detail);
        }
        gw_exchange_give_back(&pool, ex);
    }
    gw_exchange_pool_finish(&pool);
    free(server);
}

static void without_tokens_only_the_socket_opens(void **state)
{
    (void)state;
    struct gw_admin_guard guard = {0};

    gw_exchange_pool_init(&pool, 1, 1 << 20);
    struct gw_exchange *ex = gw_exchange_take(&pool);
    ex->request.peer = GW_STR("127.0.0.1");
    assert_false(gw_admin_guard_is_local(ex));
    gw_admin_guard_authorise(&guard, ex);
    assert_int_equal(ex->response.status, 403);
    assert_int_equal(ex->state, GW_EXCHANGE_RESPONDING);
    gw_exchange_give_back(&pool, ex);
    gw_exchange_pool_finish(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_hold),
        cmocka_unit_test(without_tokens_only_the_socket_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
