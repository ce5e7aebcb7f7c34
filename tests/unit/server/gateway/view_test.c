/* Views and the references that they hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/filter/worker.h"
#include "server/gateway/view.h"
#include "server/net/loop.h"
#include "server/upstream/upstreams.h"

static void end(struct gw_exchange *ex)
{
    (void)ex;
}

/* One backend is good, one has TLS material that cannot be used: the view serves the first. */
static void a_view_holds_its_snapshot(void **state)
{
    (void)state;
    struct gw_target_config targets[] = {
        {.url = GW_STR("http://127.0.0.1:9"),
         .origin = {.host = GW_STR("127.0.0.1"), .port = 9},
         .weight = 1},
        {.url = GW_STR("https://127.0.0.1:9"),
         .origin =
             {.host = GW_STR("127.0.0.1"), .port = 9, .is_tls = true, .ca_pem = GW_STR("nonsense")},
         .weight = 1},
    };
    struct gw_backend_config backends[] = {
        {.name = GW_STR("good"), .targets = &targets[0], .target_count = 1},
        {.name = GW_STR("bad"), .targets = &targets[1], .target_count = 1},
    };
    struct gw_snapshot snapshot = {.backends = backends, .backend_count = 2};
    struct gw_policy_set set = {0};
    struct gw_worker worker = {.index = 0};
    struct gw_upstreams upstreams;
    struct gw_loop *loop;
    struct gw_error error;

    assert_int_equal(gw_loop_create(&loop, &error), 0);
    assert_int_equal(gw_http_client_create(loop, &worker.http, &error), 0);
    worker.loop = loop;
    gw_list_init(&worker.tenants);
    gw_upstreams_init(&upstreams, &worker);
    struct gw_view *view = gw_view_create(&snapshot, &set, end);
    assert_non_null(view);
    assert_true(gw_snapshot_is_used(&snapshot));
    struct gw_view *unseen = gw_view_create(&snapshot, &set, end);
    gw_view_adopt(view, &upstreams);
    assert_non_null(view->backends[0].upstreams);
    assert_null(view->backends[1].upstreams);
    gw_view_destroy(view);
    assert_true(gw_snapshot_is_used(&snapshot));
    gw_view_destroy(unseen); /* never adopted */
    gw_view_destroy(NULL);
    assert_false(gw_snapshot_is_used(&snapshot));
    gw_upstreams_finish(&upstreams);
    gw_http_client_destroy(worker.http);
    gw_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_view_holds_its_snapshot)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
