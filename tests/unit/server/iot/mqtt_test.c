/* Connections to a real mosquitto: sessions, restarts, TLS, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/iot/mqtt.h"
#include "server/net/loop.h"
#include "tests/unit/support/broker.h"

#define DEADLINE_NS (30 * GW_NS_PER_SECOND)

static struct broker broker;
static struct gw_loop *loop;

struct seen {
    unsigned messages, ups, downs, oversized;
    bool has_session;
    char last[64], reason[160], all[256];
};

static void on_message(void *self, struct gw_str topic, struct gw_str payload, int qos,
                       bool is_retained)
{
    struct seen *seen = self;
    (void)qos, (void)is_retained;

    seen->messages++;
    snprintf(seen->last, sizeof(seen->last), "%.*s=%.*s", GW_STR_ARG(topic), GW_STR_ARG(payload));
    size_t len = strlen(seen->all);
    snprintf(seen->all + len, sizeof(seen->all) - len, "%.*s ", GW_STR_ARG(payload));
}

static void on_oversized(void *self, struct gw_str topic, size_t bytes)
{
    struct seen *seen = self;

    assert_int_equal(bytes, 9);
    assert_true(gw_str_equal(topic, GW_STR("h")));
    seen->oversized++;
}

static void on_state(void *self, bool is_up, bool has_session, const char *reason)
{
    struct seen *seen = self;

    if (is_up)
        seen->ups++;
    else
        seen->downs++;
    seen->has_session = has_session;
    snprintf(seen->reason, sizeof(seen->reason), "%s", reason);
}

static bool holds; /* what connect_as() asks for */
static uint32_t max_bytes;

static struct gw_mqtt *connect_as(struct seen *seen, const char *id, unsigned protocol, bool is_tls,
                                  const char *password)
{
    const struct gw_mqtt_events events = {
        .self = seen, .on_message = on_message, .on_state = on_state, .on_oversized = on_oversized};
    struct gw_mqtt_config config = {.name = GW_STR("test"),
                                    .host = GW_STR("127.0.0.1"),
                                    .port = is_tls ? broker.tls_port : broker.port,
                                    .protocol = protocol,
                                    .holds_acknowledgements = holds,
                                    .max_message_bytes = max_bytes,
                                    .client_id = gw_str_of(id)};
    struct gw_mqtt *mqtt = NULL;
    struct gw_error error;

    if (is_tls) {
        config.ca_file = gw_str_of(broker.ca_file);
        config.certificate_file = gw_str_of(broker.certificate_file);
        config.key_file = gw_str_of(broker.key_file);
    } else {
        config.user = GW_STR("mes");
        config.password = gw_str_of(password);
    }
    *seen = (struct seen){0};
    if (gw_mqtt_create(loop, &config, &events, &mqtt, &error) != 0)
        fail_msg("%s", error.text);
    return mqtt;
}

/* Turns until *count is at least `wanted`. */
static void wait_for(const unsigned *count, unsigned wanted)
{
    uint64_t end_ns = gw_clock_monotonic_ns() + DEADLINE_NS;

    while (*count < wanted && gw_clock_monotonic_ns() < end_ns)
        gw_loop_turn(loop, 20);
    assert_true(*count >= wanted);
}

static void turn_a_while(unsigned turns)
{
    for (unsigned i = 0; i < turns; i++)
        gw_loop_turn(loop, 5);
}

static void test_messages_go_both_ways(void **state)
{
    const bool tls[] = {false, true};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        for (unsigned protocol = 4; protocol <= 5; protocol++) {
            struct seen seen;
            struct gw_mqtt *mqtt = connect_as(&seen, "both", protocol, tls[i], "pw1");
            assert_int_equal(gw_mqtt_subscribe(mqtt, GW_STR("plant/#"), 1), 0);
            assert_int_equal(gw_mqtt_publish(mqtt, GW_STR("plant/a"), GW_STR("x"), 1, false),
                             -ENOTCONN);
            wait_for(&seen.ups, 1);
            assert_true(gw_mqtt_is_up(mqtt));
            assert_int_equal(gw_mqtt_publish(mqtt, GW_STR("plant/a"), GW_STR("21.5"), 1, false), 0);
            wait_for(&seen.messages, 1);
            assert_string_equal(seen.last, "plant/a=21.5");
            assert_int_equal(gw_mqtt_publish(mqtt, GW_STR("plant/#"), GW_STR(""), 1, false),
                             -EINVAL);
            assert_int_equal(gw_mqtt_subscribe(mqtt, GW_STR("a/#/b"), 1), -EINVAL);
            gw_mqtt_destroy(mqtt);
        }
    }
}

/* What comes while nobody is there waits at the broker, in order; also over its own restart. */
static void test_a_session_is_resumed(void **state)
{
    (void)state;

    for (unsigned protocol = 4; protocol <= 5; protocol++) {
        struct seen seen, other;
        const char *id = protocol == 4 ? "session-4" : "session-5";
        struct gw_mqtt *mqtt = connect_as(&seen, id, protocol, false, "pw1");
        assert_int_equal(gw_mqtt_subscribe(mqtt, GW_STR("line/+"), 1), 0);
        wait_for(&seen.ups, 1);
        assert_false(seen.has_session);
        turn_a_while(20); /* the broker has the subscription */
        gw_mqtt_destroy(mqtt);

        struct gw_mqtt *sender = connect_as(&other, "sender", protocol, false, "pw1");
        wait_for(&other.ups, 1);
        assert_int_equal(gw_mqtt_subscribe(sender, GW_STR("line/1"), 1), 0);
        for (int i = 1; i <= 3; i++) {
            char text[16];
            snprintf(text, sizeof(text), "%d", i);
            assert_int_equal(gw_mqtt_publish(sender, GW_STR("line/1"), gw_str_of(text), 1, false),
                             0);
        }
        wait_for(&other.messages, 3);
        gw_mqtt_destroy(sender);
        broker_kill(&broker, false);
        broker_restart(&broker);

        mqtt = connect_as(&seen, id, protocol, false, "pw1");
        wait_for(&seen.messages, 3);
        assert_true(seen.has_session);
        assert_string_equal(seen.all, "1 2 3 ");
        gw_mqtt_destroy(mqtt);
    }
}

static void test_it_comes_back_by_itself(void **state)
{
    struct seen seen;
    (void)state;
    struct gw_mqtt *mqtt = connect_as(&seen, "again", 5, false, "pw1");

    assert_int_equal(gw_mqtt_subscribe(mqtt, GW_STR("t"), 1), 0);
    wait_for(&seen.ups, 1);
    broker_kill(&broker, true);
    wait_for(&seen.downs, 1);
    assert_string_not_equal(seen.reason, "");
    assert_int_equal(gw_mqtt_publish(mqtt, GW_STR("t"), GW_STR("x"), 1, false), -ENOTCONN);
    broker_restart(&broker);
    wait_for(&seen.ups, 2);
    turn_a_while(20);
    assert_int_equal(gw_mqtt_publish(mqtt, GW_STR("t"), GW_STR("x"), 1, false), 0);
    wait_for(&seen.messages, 1);
    gw_mqtt_destroy(mqtt);
}

static void test_what_is_refused_is_tried_again(void **state)
{
    struct seen seen;
    (void)state;
    struct gw_mqtt *mqtt = connect_as(&seen, "refused", 5, false, "wrong");
    uint64_t end_ns = gw_clock_monotonic_ns() + DEADLINE_NS;

    while (gw_mqtt_get_stats(mqtt)->failures < 2 && gw_clock_monotonic_ns() < end_ns)
        gw_loop_turn(loop, 20);
    assert_true(gw_mqtt_get_stats(mqtt)->failures >= 2);
    assert_int_equal(seen.ups, 0);
    gw_mqtt_destroy(mqtt);
}

static void test_a_pause_keeps_messages_at_the_broker(void **state)
{
    struct seen seen, other;
    (void)state;
    struct gw_mqtt *mqtt = connect_as(&seen, "paused", 5, false, "pw1");
    struct gw_mqtt *sender = connect_as(&other, "sender", 5, false, "pw1");

    assert_int_equal(gw_mqtt_subscribe(mqtt, GW_STR("p"), 1), 0);
    assert_int_equal(gw_mqtt_subscribe(sender, GW_STR("p"), 1), 0);
    wait_for(&seen.ups, 1);
    wait_for(&other.ups, 1);
    turn_a_while(20);
    gw_mqtt_pause(mqtt, true);
    assert_int_equal(gw_mqtt_publish(sender, GW_STR("p"), GW_STR("x"), 1, false), 0);
    wait_for(&other.messages, 1);
    turn_a_while(20);
    assert_int_equal(seen.messages, 0);
    gw_mqtt_pause(mqtt, false);
    wait_for(&seen.messages, 1);
    gw_mqtt_destroy(mqtt);
    gw_mqtt_destroy(sender);
}

static void publish(struct gw_mqtt *sender, int qos, const char *text)
{
    assert_int_equal(gw_mqtt_publish(sender, GW_STR("h"), gw_str_of(text), qos, false), 0);
}

/* Also over TLS: what was not acknowledged comes again, in order, and what was does not; nothing
 * leaves meanwhile. */
static void test_acknowledgements_are_held(void **state)
{
    (void)state;

    for (unsigned i = 0; i < 4; i++) {
        struct seen seen, other;
        const unsigned protocol = 4 + (i & 1);
        const char *const ids[] = {"held-4", "held-5", "held-4-tls", "held-5-tls"};
        struct gw_mqtt *sender = connect_as(&other, "sender", 5, false, "pw1");
        holds = true;
        struct gw_mqtt *mqtt = connect_as(&seen, ids[i], protocol, i > 1, "pw1");
        assert_int_equal(gw_mqtt_subscribe(mqtt, GW_STR("h"), 1), 0);
        assert_int_equal(gw_mqtt_subscribe(sender, GW_STR("h"), 0), 0);
        wait_for(&seen.ups, 1);
        wait_for(&other.ups, 1);
        turn_a_while(20);
        publish(sender, 1, "1");
        publish(sender, 0, "2"); /* nobody waits for that one */
        wait_for(&seen.messages, 2);
        gw_mqtt_acknowledge(mqtt);
        turn_a_while(20);
        publish(sender, 1, "3");
        publish(sender, 1, "4");
        publish(sender, 0, "5");
        wait_for(&seen.messages, 5);
        other.messages = 0;
        publish(mqtt, 0, "6"); /* waits behind the acknowledgements */
        turn_a_while(20);
        assert_int_equal(other.messages, 0);
        gw_mqtt_destroy(mqtt);
        mqtt = connect_as(&seen, ids[i], protocol, i > 1, "pw1");
        wait_for(&seen.messages, 2);
        turn_a_while(20);
        assert_true(seen.has_session);
        assert_string_equal(seen.all, "3 4 ");
        gw_mqtt_acknowledge(mqtt);
        publish(mqtt, 0, "7");
        wait_for(&other.messages, 1);
        assert_string_equal(other.last, "h=7");
        gw_mqtt_destroy(mqtt);
        holds = false;
        gw_mqtt_destroy(sender);
    }
}

/* Nobody takes it, so nobody says that it is safe: it must not hold back what comes behind. */
static void test_what_is_too_large_is_acknowledged(void **state)
{
    struct seen seen, other;
    (void)state;

    struct gw_mqtt *sender = connect_as(&other, "sender", 5, false, "pw1");
    holds = true;
    max_bytes = 8;
    struct gw_mqtt *mqtt = connect_as(&seen, "small", 5, false, "pw1");
    holds = false;
    max_bytes = 0;
    assert_int_equal(gw_mqtt_subscribe(mqtt, GW_STR("h"), 1), 0);
    assert_int_equal(gw_mqtt_subscribe(sender, GW_STR("h"), 0), 0);
    wait_for(&seen.ups, 1);
    wait_for(&other.ups, 1);
    turn_a_while(20);
    publish(sender, 1, "123456789");
    wait_for(&seen.oversized, 1);
    assert_int_equal(seen.messages, 0);
    other.messages = 0;
    publish(mqtt, 0, "6");
    wait_for(&other.messages, 1);
    gw_mqtt_destroy(mqtt);
    gw_mqtt_destroy(sender);
}

/* Destroyed while a thread looks the name up, before it was up, and at once. */
static void test_it_can_go_at_any_time(void **state)
{
    struct seen seen;
    (void)state;

    for (unsigned turns = 0; turns < 8; turns++) {
        struct gw_mqtt *mqtt = connect_as(&seen, "short", 5, (turns & 1) != 0, "pw1");
        turn_a_while(turns);
        gw_mqtt_destroy(mqtt);
    }
    turn_a_while(50);
}

static int set_up(void **state)
{
    struct gw_error error;
    (void)state;

    broker_start(&broker);
    return gw_loop_create(&loop, &error);
}

static int tear_down(void **state)
{
    (void)state;
    gw_loop_destroy(loop);
    broker_stop(&broker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_go_both_ways),
        cmocka_unit_test(test_a_session_is_resumed),
        cmocka_unit_test(test_it_comes_back_by_itself),
        cmocka_unit_test(test_what_is_refused_is_tried_again),
        cmocka_unit_test(test_a_pause_keeps_messages_at_the_broker),
        cmocka_unit_test(test_acknowledgements_are_held),
        cmocka_unit_test(test_what_is_too_large_is_acknowledged),
        cmocka_unit_test(test_it_can_go_at_any_time),
    };

    if (!broker_is_installed()) {
        puts("mosquitto is not installed: skipped");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
