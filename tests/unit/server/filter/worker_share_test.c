/* What is shared on a worker: by whom, for how long, and who cleans up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/filter/worker_share.h"

struct thing {
    struct gw_worker_share share;
    int number;
};

static int left, destroyed;

static bool is_equal(const struct gw_worker_share *share, const void *config)
{
    return GW_CONTAINER_OF(share, const struct thing, share)->number == *(const int *)config;
}

static struct gw_worker_share *create(const void *config, struct gw_worker *worker)
{
    struct thing *thing = calloc(1, sizeof(*thing));

    (void)worker;
    if (thing == NULL)
        return NULL;
    thing->number = *(const int *)config;
    return &thing->share;
}

static void leave(struct gw_worker_share *share)
{
    assert_non_null(share->worker);
    left++;
}

static void destroy(struct gw_worker_share *share)
{
    destroyed++;
    free(GW_CONTAINER_OF(share, struct thing, share));
}

static const struct gw_worker_share_type type = {
    .is_equal = is_equal, .create = create, .leave = leave, .destroy = destroy};
static const struct gw_worker_share_type other_type = {
    .is_equal = is_equal, .create = create, .destroy = destroy};

static struct gw_worker worker;

static int setup(void **state)
{
    struct gw_error error;

    (void)state;
    worker = (struct gw_worker){0};
    gw_list_init(&worker.tenants);
    left = destroyed = 0;
    return gw_loop_create(&worker.loop, &error);
}

static int teardown(void **state)
{
    (void)state;
    gw_loop_destroy(worker.loop);
    return 0;
}

static struct gw_worker_share *open_number(const struct gw_worker_share_type *of, int number)
{
    struct gw_worker_share *share = gw_worker_share_open(of, &number, &worker);

    assert_non_null(share);
    return share;
}

static void test_equal_ones_are_shared(void **state)
{
    struct gw_worker_share *one = open_number(&type, 1);

    (void)state;
    assert_ptr_equal(open_number(&type, 1), one);
    assert_int_equal(one->users, 2);
    struct gw_worker_share *two = open_number(&type, 2);
    struct gw_worker_share *other = open_number(&other_type, 1);
    assert_ptr_not_equal(two, one);
    assert_ptr_not_equal(other, one);
    gw_worker_send_off(&worker);
    assert_int_equal(left, 2);
    assert_int_equal(destroyed, 0); /* they are still open */
    assert_null(one->worker);
    gw_worker_share_close(one);
    assert_int_equal(destroyed, 0);
    gw_worker_share_close(one);
    assert_int_equal(destroyed, 1);
    gw_worker_share_close(two);
    gw_worker_share_close(other);
    assert_int_equal(destroyed, 3);
}

static void test_closed_ones_stay_for_a_while(void **state)
{
    struct gw_worker_share *one = open_number(&type, 1);

    (void)state;
    gw_worker_share_close(one);
    gw_loop_turn(worker.loop, 1);
    assert_int_equal(destroyed, 0);
    assert_ptr_equal(open_number(&type, 1), one);
    gw_worker_share_close(one);
    gw_worker_send_off(&worker);
    assert_int_equal(left, 1);
    assert_int_equal(destroyed, 1);
    gw_worker_share_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equal_ones_are_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_ones_stay_for_a_while, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
