/* What events ask for before they go out: order, bounds, retries, giving up. The store and the
 * asker are the test's own; the lane is no more than what emissions see of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/iot/lane_private.h"
#include "server/iot/signal_cloud.h"

#define MAX_QUESTIONS 32

struct fixture {
    struct gw_loop *loop;
    struct gw_lane lane;
    struct gw_edge_node_config config;
    struct gw_lane_node node;
    struct gw_iot_store store; /* everything is in the log at once */
    char emitted[64][40];      /* ids, with "-" behind those that say what they lack */
    char data[256];            /* of the last one */
    size_t emitted_count;
    struct gw_lane_question *asked[MAX_QUESTIONS];
    size_t asked_count, cancelled_count;
    bool is_full; /* the asker takes no more */
};

static struct fixture *current; /* of the store, which has no self */

static int emit(struct gw_iot_store *store, struct gw_event_append *append)
{
    const struct gw_event *event = append->event;
    bool is_lacking = gw_event_extension(event, GW_STR("enrichment")) != NULL;

    (void)store;
    snprintf(current->emitted[current->emitted_count++], 40, "%.*s%s", GW_STR_ARG(event->id),
             is_lacking ? "-" : "");
    snprintf(current->data, sizeof(current->data), "%.*s", GW_STR_ARG(event->data));
    return 0;
}

static void cancel_emit(struct gw_iot_store *store, struct gw_event_append *append)
{
    (void)store;
    (void)append;
}

static const struct gw_iot_store_ops ops = {.emit = emit, .cancel_emit = cancel_emit};

static int ask(void *self, struct gw_lane_question *question)
{
    struct fixture *fixture = self;

    if (fixture->is_full)
        return -EAGAIN;
    assert_true(fixture->asked_count < MAX_QUESTIONS);
    fixture->asked[fixture->asked_count++] = question;
    return 0;
}

static void cancel(void *self, struct gw_lane_question *question)
{
    struct fixture *fixture = self;

    (void)question;
    fixture->cancelled_count++;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct gw_error error;

    assert_non_null(fixture);
    assert_int_equal(gw_loop_create(&fixture->loop, &error), 0);
    fixture->store.ops = &ops;
    fixture->config.id = GW_STR("plant/line");
    fixture->lane.loop = fixture->loop;
    fixture->lane.config.store = &fixture->store;
    fixture->lane.config.asker = (struct gw_lane_asker){fixture, 300 * GW_NS_PER_MS, ask, cancel};
    fixture->node.lane = &fixture->lane;
    fixture->node.config = &fixture->config;
    gw_list_init(&fixture->node.emissions);
    current = fixture;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    gw_lane_emit_finish(&fixture->node);
    assert_int_equal(fixture->lane.stats.pending_events, 0);
    gw_loop_destroy(fixture->loop);
    free(fixture);
    return 0;
}

static void tell(struct fixture *fixture, const char *id, const char *operation)
{
    static const struct gw_device_config device = {.plant = GW_STR_INIT("1010"),
                                                   .equipment = GW_STR_INIT("CNC-1")};
    const struct gw_value_member parameter = {GW_STR("plant"), gw_value_string(GW_STR("1010"))};
    const struct gw_value_member members[] = {{GW_STR("plant"), gw_value_string(GW_STR("1010"))},
                                              {GW_STR("operations"), gw_value_null()}};
    const struct gw_signal_event event = {.id = gw_str_of(id),
                                          .type = GW_STR("test.v1"),
                                          .signal = GW_STR("test"),
                                          .device = &device,
                                          .data = gw_value_object(members, 2),
                                          .enrich_operation = gw_str_of(operation),
                                          .enrich_member = GW_STR("operations"),
                                          .enrich_parameters = gw_value_object(&parameter, 1)};

    gw_lane_emit(&fixture->node, &event);
}

/* The log has taken the event that is on its way. */
static void log_it(struct fixture *fixture)
{
    struct gw_lane_emission *first =
        GW_LIST_ITEM(fixture->node.emissions.next, struct gw_lane_emission, node);

    assert_true(first->is_under_way);
    first->append.done(&first->append, 0, GW_STR("1"), false);
}

static void answer(struct fixture *fixture, size_t index, int rc, const char *text)
{
    fixture->asked[index]->done(fixture->asked[index], rc, gw_str_of(text));
}

/* As the lane's tick does, until the time has come. */
static void wait_ms(struct fixture *fixture, unsigned ms)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + ms * GW_NS_PER_MS;

    while (gw_clock_monotonic_ns() < until_ns)
        gw_loop_turn(fixture->loop, 5);
    gw_lane_emit_next(&fixture->node);
}

static void an_answer_takes_the_members_place(void **state)
{
    struct fixture *fixture = *state;

    tell(fixture, "a", "listOperations");
    assert_int_equal(fixture->asked_count, 1);
    assert_string_equal(fixture->asked[0]->operation.ptr, "listOperations");
    assert_string_equal(fixture->asked[0]->plant.ptr, "1010");
    assert_int_equal(fixture->asked[0]->parameters.count, 1);
    assert_int_equal(fixture->emitted_count, 0);
    answer(fixture, 0, 0, "{\"items\":[12345678901234567890]}");
    assert_string_equal(fixture->emitted[0], "a");
    assert_string_equal(fixture->data,
                        "{\"plant\":\"1010\",\"operations\":{\"items\":[12345678901234567890]}}");
    log_it(fixture);
    assert_int_equal(fixture->lane.stats.enriched, 1);
}

static void nothing_to_tell_is_an_answer(void **state)
{
    struct fixture *fixture = *state;

    tell(fixture, "a", "listOperations");
    answer(fixture, 0, 0, "");
    assert_string_equal(fixture->emitted[0], "a");
    assert_string_equal(fixture->data, "{\"plant\":\"1010\",\"operations\":null}");
}

static void later_ones_wait_for_the_first(void **state)
{
    struct fixture *fixture = *state;

    tell(fixture, "a", "listOperations");
    tell(fixture, "b", "listOperations");
    tell(fixture, "c", "");
    assert_int_equal(fixture->asked_count, 2); /* at the same time */
    answer(fixture, 1, 0, "{}");
    assert_int_equal(fixture->emitted_count, 0);
    answer(fixture, 0, 0, "{}");
    assert_int_equal(fixture->emitted_count, 1);
    log_it(fixture);
    log_it(fixture);
    log_it(fixture);
    assert_string_equal(fixture->emitted[0], "a");
    assert_string_equal(fixture->emitted[1], "b");
    assert_string_equal(fixture->emitted[2], "c");
}

static void few_are_asked_ahead(void **state)
{
    struct fixture *fixture = *state;
    char id[2] = "a";

    for (; id[0] < 'i'; id[0]++)
        tell(fixture, id, "listOperations");
    assert_int_equal(fixture->asked_count, 4);
    answer(fixture, 0, 0, "{}");
    assert_int_equal(fixture->asked_count, 4);
    log_it(fixture);
    assert_int_equal(fixture->asked_count, 5);
}

static void a_full_asker_is_asked_again(void **state)
{
    struct fixture *fixture = *state;

    fixture->is_full = true;
    tell(fixture, "a", "listOperations");
    assert_int_equal(fixture->asked_count, 0);
    assert_int_equal(fixture->emitted_count, 0);
    fixture->is_full = false;
    gw_lane_emit_next(&fixture->node);
    assert_int_equal(fixture->asked_count, 1);
}

static void after_two_tries_it_goes_out_without(void **state)
{
    struct fixture *fixture = *state;

    tell(fixture, "a", "listOperations");
    answer(fixture, 0, -EAGAIN, "");
    assert_int_equal(fixture->asked_count, 1); /* not at once */
    wait_ms(fixture, 250);
    assert_int_equal(fixture->asked_count, 2);
    answer(fixture, 1, -EAGAIN, "");
    assert_string_equal(fixture->emitted[0], "a-");
    assert_string_equal(fixture->data, "{\"plant\":\"1010\",\"operations\":null}");
    log_it(fixture);

    tell(fixture, "b", "listOperations"); /* whoever does not answer is left alone */
    assert_string_equal(fixture->emitted[1], "b-");
    log_it(fixture);
    wait_ms(fixture, 320);
    tell(fixture, "c", "listOperations");
    assert_int_equal(fixture->asked_count, 3);
    assert_int_equal(fixture->lane.stats.unenriched, 2);
}

static void a_refusal_is_final_and_for_one(void **state)
{
    struct fixture *fixture = *state;

    tell(fixture, "a", "listOperations");
    tell(fixture, "b", "listOperations");
    answer(fixture, 0, -EACCES, "");
    assert_string_equal(fixture->emitted[0], "a-");
    answer(fixture, 1, 0, "{}");
    log_it(fixture);
    assert_string_equal(fixture->emitted[1], "b");
}

static void an_answer_that_does_not_fit_is_none(void **state)
{
    struct fixture *fixture = *state;
    static char large[GW_EVENT_MAX_BYTES];

    memset(large, 'x', sizeof(large) - 1);
    large[0] = large[sizeof(large) - 2] = '"';
    tell(fixture, "a", "listOperations");
    answer(fixture, 0, 0, large);
    tell(fixture, "b", "listOperations");
    answer(fixture, 1, 0, "{no");
    log_it(fixture);
    assert_string_equal(fixture->emitted[0], "a-");
    assert_string_equal(fixture->emitted[1], "b-");
}

static void what_is_asked_is_cancelled_with_the_node(void **state)
{
    struct fixture *fixture = *state;

    tell(fixture, "a", "listOperations");
    tell(fixture, "b", "listOperations");
    answer(fixture, 1, 0, "{}");
    gw_lane_emit_finish(&fixture->node);
    assert_int_equal(fixture->cancelled_count, 1);
}

static void without_an_asker_events_go_out_as_they_are(void **state)
{
    struct fixture *fixture = *state;

    fixture->lane.config.asker.ask = NULL;
    tell(fixture, "a", "listOperations");
    assert_string_equal(fixture->emitted[0], "a");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_takes_the_members_place),
        TEST(nothing_to_tell_is_an_answer),
        TEST(later_ones_wait_for_the_first),
        TEST(few_are_asked_ahead),
        TEST(a_full_asker_is_asked_again),
        TEST(after_two_tries_it_goes_out_without),
        TEST(a_refusal_is_final_and_for_one),
        TEST(an_answer_that_does_not_fit_is_none),
        TEST(what_is_asked_is_cancelled_with_the_node),
        TEST(without_an_asker_events_go_out_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
