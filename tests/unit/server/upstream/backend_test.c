/* Which target is chosen, and what its state makes of it. Nothing is connected to. */
#include "server/upstream/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/filter/worker.h"
#include "server/net/loop.h"
#include "server/upstream/target.h"
#include "server/upstream/upstreams.h"

#define SECOND UINT64_C(1000000000)

static struct gw_loop *loop;
static struct gw_worker worker;
static struct gw_upstreams upstreams;
static struct gw_target_mark marks[3];
static struct gw_target_config targets[3];
static struct gw_backend_config config;
static struct gw_backend backend;

static int set_up(void **state)
{
    struct gw_error error;

    (void)state;
    assert_int_equal(gw_loop_create(&loop, &error), 0);
    assert_int_equal(gw_http_client_create(loop, &worker.http, &error), 0);
    worker.loop = loop;
    gw_list_init(&worker.tenants);
    gw_upstreams_init(&upstreams, &worker);
    static const char *const urls[] = {"http://127.0.0.1:1", "http://127.0.0.1:2",
                                       "http://127.0.0.1:3"};
    for (size_t i = 0; i < 3; i++) {
        marks[i] = (struct gw_target_mark){0};
        targets[i] = (struct gw_target_config){
            .url = gw_str_of(urls[i]),
            .origin = {.host = GW_STR("127.0.0.1"), .port = (uint16_t)(i + 1)},
            .weight = 100,
            .pools = 1,
            .mark = &marks[i],
        };
    }
    config = (struct gw_backend_config){
        .name = GW_STR("erp"),
        .targets = targets,
        .target_count = 3,
        .outlier = {.failures = 2, .base_ns = SECOND, .max_ns = 8 * SECOND, .max_percent = 50},
    };
    assert_int_equal(gw_backend_init(&backend, &upstreams, &config, &error), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_backend_finish(&backend);
    gw_upstreams_finish(&upstreams);
    gw_http_client_destroy(worker.http);
    gw_loop_destroy(loop);
    return 0;
}

static void request(size_t index, enum gw_target_outcome outcome, uint64_t now_ns)
{
    struct gw_target *target = backend.targets[index];
    bool is_probe = gw_target_begin(target, now_ns);

    gw_target_report(&backend, target, is_probe, outcome, now_ns);
    gw_target_end(target);
}

/* How often each target is chosen, of 1,000 times. */
static void draw(uint32_t pool, uint64_t now_ns, unsigned counts[3])
{
    const struct gw_backend_scope scope = {.pool = pool};

    counts[0] = counts[1] = counts[2] = 0;
    for (unsigned i = 0; i < 1000; i++)
        counts[gw_backend_choose(&backend, scope, now_ns).index]++;
}

static void one_that_fails_is_left_out_and_comes_back_slowly(void **state)
{
    unsigned counts[3];

    (void)state;
    config.slow_start_ns = 10 * SECOND;
    request(1, GW_TARGET_FAILURE, SECOND);
    draw(0, SECOND, counts);
    assert_in_range(counts[1], 200, 450);
    request(1, GW_TARGET_FAILURE, SECOND);
    draw(0, SECOND, counts);
    assert_int_equal(counts[1], 0);
    assert_int_equal(marks[1].ejected_until_ns, 2 * SECOND);
    draw(0, 2 * SECOND, counts);
    assert_in_range(counts[1], 1, 120); /* a tenth of its weight */
    draw(0, 7 * SECOND, counts);
    assert_in_range(counts[1], 120, 320); /* half of it */
    draw(0, 12 * SECOND, counts);
    assert_in_range(counts[1], 220, 450);
}

static void not_all_are_left_out(void **state)
{
    unsigned counts[3];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (unsigned n = 0; n < 5; n++)
            request(i, GW_TARGET_FAILURE, SECOND);
    draw(0, SECOND, counts); /* one of three is the most for 50 % */
    assert_int_equal(counts[0], 0);
    assert_true(counts[1] > 0 && counts[2] > 0);
    for (size_t i = 0; i < 3; i++)
        atomic_store(&marks[i].is_down, true);
    draw(0, SECOND, counts); /* who says that all are away is wrong */
    assert_true(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
}

static void tried_ones_are_not_asked_again(void **state)
{
    struct gw_backend_scope scope = {.tried = 5};

    (void)state;
    assert_int_equal(gw_backend_choose(&backend, scope, 1).index, 1);
    assert_int_equal(gw_backend_count_untried(&backend, scope, 1), 1);
    scope.tried = 7;
    assert_true(gw_backend_choose(&backend, scope, 1).index == SIZE_MAX);
    assert_int_equal(gw_backend_count_untried(&backend, scope, 1), 0);
}

static void pools_fall_back_on_the_usual_one(void **state)
{
    unsigned counts[3];

    (void)state;
    targets[2].pools = 2;
    draw(0, 1, counts);
    assert_int_equal(counts[2], 0);
    draw(1, 1, counts);
    assert_int_equal(counts[2], 1000);
    atomic_store(&marks[2].is_down, true);
    draw(1, 1, counts);
    assert_int_equal(counts[2], 0);
    atomic_store(&marks[0].is_down, true);
    atomic_store(&marks[1].is_down, true);
    draw(1, 1, counts);
    assert_int_equal(counts[2], 1000);
}

static void a_breaker_forbids_and_tells_until_when(void **state)
{
    struct gw_backend again = {0};
    struct gw_error error;
    const struct gw_backend_scope scope = {0};

    (void)state;
    config.breaker = (struct gw_breaker_rule){.failures = 1, .pause_ns = 5 * SECOND, .probes = 1};
    config.outlier.failures = 0;
    assert_int_equal(gw_backend_init(&again, &upstreams, &config, &error), 0); /* a reload */
    assert_ptr_equal(again.targets[0], backend.targets[0]);
    for (size_t i = 0; i < 3; i++)
        request(i, GW_TARGET_FAILURE, (i + 1) * SECOND);
    struct gw_backend_choice choice = gw_backend_choose(&again, scope, 4 * SECOND);
    assert_true(choice.index == SIZE_MAX);
    assert_int_equal(choice.retry_ns, 2 * SECOND);
    assert_int_equal(gw_backend_choose(&again, scope, 6 * SECOND).index, 0);
    assert_true(gw_target_begin(backend.targets[0], 6 * SECOND));
    assert_true(gw_backend_choose(&again, scope, 6 * SECOND).index == SIZE_MAX);
    gw_target_report(&again, backend.targets[0], true, GW_TARGET_SUCCESS, 6 * SECOND);
    gw_target_end(backend.targets[0]);
    assert_int_equal(gw_backend_choose(&again, scope, 6 * SECOND).index, 0);
    gw_backend_finish(&again);
    assert_int_equal(backend.targets[0]->stats.breaker_openings, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_fails_is_left_out_and_comes_back_slowly, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(not_all_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tried_ones_are_not_asked_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pools_fall_back_on_the_usual_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_breaker_forbids_and_tells_until_when, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
