/* What goes over the wire, and what becomes of faults: a peer plays Tryton where the real one
 * cannot be made to. See tryton_real_test.c for the rest. */
#include "server/connector/tryton/tryton.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/net/loop.h"
#include "tests/unit/support/connector_rig.h"
#include "tests/unit/support/peer.h"

#define OPTIONS "{database: plant, user: gateway, password: 'p\"w', company: 3, language: de}"
#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define HANG NULL
#define CUT "" /* read, then closed without an answer */

/* What is answered to the calls that are neither login nor preferences, in turn; the last for all
 * that follow. */
struct part {
    const char *login;
    const char *answers[4];
    atomic_uint logins, calls;
    char heads[8][2048], bodies[8][2048]; /* of the calls */
    char login_body[2048];
};

static struct peer peer;
static struct part part;
static struct connector_rig rig;
static struct connector_outcome outcome;

static void answer(int fd, const char *text)
{
    if (text == HANG)
        peer_drain(fd);
    else if (strncmp(text, "HTTP/", 5) == 0)
        peer_send_text(fd, text);
    else if (text[0] != '\0' && peer_send_text(fd, OK_HEAD))
        peer_send_text(fd, text);
}

static void play_call(int fd, const char *head, const char *body)
{
    unsigned index = atomic_fetch_add(&part.calls, 1);
    unsigned at = index < 3 ? index : 3;

    if (index < 8) {
        snprintf(part.heads[index], sizeof(part.heads[0]), "%s", head);
        snprintf(part.bodies[index], sizeof(part.bodies[0]), "%s", body);
    }
    while (at > 0 && part.answers[at] == NULL)
        at--;
    answer(fd, part.answers[at]);
}

static void play(struct peer *self, int fd, unsigned index)
{
    char head[2048], body[2048] = "";

    (void)self;
    (void)index;
    if (peer_read_head(fd, head, sizeof(head)) <= 0)
        return;
    const char *length = strstr(head, "Content-Length: ");
    size_t len = length == NULL ? 0 : (size_t)strtoul(length + 16, NULL, 10);
    if (len >= sizeof(body) || !peer_read_exactly(fd, body, len))
        return;
    body[len] = '\0';
    if (strstr(body, "common.db.login") != NULL) {
        atomic_fetch_add(&part.logins, 1);
        snprintf(part.login_body, sizeof(part.login_body), "%s", body);
        answer(fd, part.login);
    } else if (strstr(body, "get_preferences") != NULL) {
        answer(fd, "{\"id\":2,\"result\":{\"language\":\"en\",\"locale\":{\"a\":[1.50]}}}");
    } else {
        play_call(fd, head, body);
    }
}

static int set_up(void **state)
{
    (void)state;
    memset(&part, 0, sizeof(part));
    part.login = "{\"id\":1,\"result\":[7,\"00ff\"]}";
    part.answers[0] = "{\"id\":1,\"result\":5}";
    peer_start(&peer, play, NULL);
    connector_rig_open(&rig, &gw_tryton_connector);
    backend_rig_add_target(&rig.backend, peer.port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    connector_rig_close(&rig);
    peer_stop(&peer);
    return 0;
}

static void open_rig(void)
{
    backend_rig_adopt(&rig.backend);
    connector_rig_create(&rig, OPTIONS);
}

static enum gw_connector_error run(const char *function, const char *arguments)
{
    connector_rig_run(&rig, function, arguments, NULL, &outcome);
    return outcome.error;
}

static enum gw_connector_error count(void)
{
    return run("count", "{\"model\":\"production\"}");
}

static enum gw_connector_error create(void)
{
    return run("create", "{\"model\":\"party.party\",\"values\":{\"name\":\"x\"}}");
}

/* --- requests --------------------------------------------------------------------------------- */

static void test_what_is_sent(void **state)
{
    (void)state;
    open_rig();
    assert_int_equal(run("search_read",
                         "{\"model\":\"production.work\",\"domain\":[[\"d\",\"=\","
                         "{\"$date\":\"2026-11-23\"}]],\"fields\":[\"a.b\"],\"limit\":5,"
                         "\"context\":{\"locale\":null,\"x\":{\"$decimal\":\"1.0\"}}}"),
                     GW_CONNECTOR_RUBBISH); /* 5 is no list of records */
    assert_string_equal(part.login_body, "{\"id\":1,\"method\":\"common.db.login\",\"params\":["
                                         "\"gateway\",{\"password\":\"p\\\"w\"},\"de\"]}");
    assert_string_equal(
        part.bodies[0],
        "{\"id\":1,\"method\":\"model.production.work.search_read\",\"params\":[[[\"d\",\"=\","
        "{\"__class__\":\"date\",\"year\":2026,\"month\":11,\"day\":23}]],0,5,null,[\"a.b\"],"
        "{\"language\":\"en\",\"locale\":{\"a\":[1.50]},\"company\":3,\"language\":\"de\","
        "\"locale\":null,\"x\":{\"__class__\":\"Decimal\",\"decimal\":\"1.0\"}}]}");
    assert_non_null(strstr(part.heads[0], "POST /plant/ HTTP/1.1\r\n"));
    assert_non_null(strstr(part.heads[0], "Content-Type: application/json\r\n"));
    assert_non_null(strstr(part.heads[0], "Authorization: Session Z2F0ZXdheTo3OjAwZmY=\r\n"));
}

static void test_the_lock_is_in_the_context(void **state)
{
    (void)state;
    open_rig();
    assert_int_equal(run("write", "{\"model\":\"production\",\"ids\":[1,2],\"values\":{\"a\":1},"
                                  "\"timestamp\":[\"17.5\",\"18\"]}"),
                     GW_CONNECTOR_OK);
    assert_non_null(strstr(part.bodies[0], "\"params\":[[1,2],{\"a\":1},{"));
    assert_non_null(strstr(
        part.bodies[0], ",\"_timestamp\":{\"production,1\":\"17.5\",\"production,2\":\"18\"}}]}"));
}

static void test_arguments_that_cannot_be_meant(void **state)
{
    static const char *const wrong[][2] = {
        {"count", "{\"model\":\"party.party.delete!\"}"},
        {"count", "{\"model\":\".party\"}"},
        {"count", "{\"model\":\"\"}"},
        {"count", "{\"model\":\"production\",\"domain\":{}}"},
        {"count", "{\"model\":\"production\",\"context\":[]}"},
        {"count", "{\"model\":\"production\",\"context\":{\"a\":{\"$date\":\"x\"}}}"},
        {"count", "{\"model\":\"production\",\"domian\":[]}"},
        {"search_read", "{\"model\":\"production\"}"},
        {"search_read", "{\"model\":\"production\",\"fields\":[],\"limit\":10001}"},
        {"search_read", "{\"model\":\"production\",\"fields\":[],\"limit\":-1}"},
        {"read", "{\"model\":\"production\",\"fields\":[]}"},
        {"read", "{\"model\":\"production\",\"fields\":[],\"id\":1,\"ids\":[1]}"},
        {"read", "{\"model\":\"production\",\"fields\":[],\"id\":\"1\"}"},
        {"read", "{\"model\":\"production\",\"fields\":[],\"id\":0}"},
        {"read", "{\"model\":\"production\",\"fields\":[],\"ids\":[]}"},
        {"read", "{\"model\":\"production\",\"fields\":[],\"ids\":[1,1.5]}"},
        {"write", "{\"model\":\"production\",\"id\":1,\"values\":[]}"},
        {"write", "{\"model\":\"production\",\"id\":1,\"values\":{},\"timestamp\":17}"},
        {"write", "{\"model\":\"production\",\"ids\":[1,2],\"values\":{},\"timestamp\":[\"1\"]}"},
        {"create", "{\"model\":\"production\",\"values\":7}"},
        {"create", "{\"model\":\"production\",\"values\":{},\"lookup\":{\"domain\":[]}}"},
        {"create", "{\"model\":\"production\",\"values\":{},\"lookup\":[]}"},
        {"button", "{\"model\":\"production\",\"id\":1,\"button\":\"_private\"}"},
        {"button", "{\"model\":\"production\",\"id\":1,\"button\":\"a.b\"}"},
        {"button", "{\"model\":\"production\",\"id\":1,\"button\":\"run\",\"expect\":7}"},
        {"button", "{\"model\":\"production\",\"id\":1,\"button\":\"run\",\"expect\":[]}"},
        {"wizard", "{\"wizard\":\"x\",\"steps\":[]}"},
        {"wizard", "{\"wizard\":\"x\",\"steps\":[{\"values\":{}}]}"},
        {"wizard", "{\"wizard\":\"x\",\"model\":\"production\",\"steps\":[{\"state\":\"a\"}]}"},
        {"wizard", "{\"wizard\":\"x\",\"steps\":[{\"state\":\"a\"},"
                   "{\"state\":\"b\",\"values\":{\"f\":{\"$date\":\"x\"}}}]}"},
    };

    (void)state;
    open_rig();
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++) {
        if (run(wrong[i][0], wrong[i][1]) != GW_CONNECTOR_WRONG)
            fail_msg("%s %s: %s", wrong[i][0], wrong[i][1], outcome.result);
        assert_true(strlen(outcome.reason) > 0);
    }
    assert_int_equal(part.calls, 0);
}

/* --- sessions --------------------------------------------------------------------------------- */

static void test_one_login_for_all(void **state)
{
    struct connector_outcome outcomes[5];

    (void)state;
    open_rig();
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++)
        connector_rig_start(&rig, "count", "{\"model\":\"production\"}", NULL, &outcomes[i]);
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++) {
        connector_rig_finish(&rig, &outcomes[i]);
        assert_int_equal(outcomes[i].error, GW_CONNECTOR_OK);
    }
    assert_int_equal(part.logins, 1);
    assert_int_equal(part.calls, 5);
}

static void test_a_session_is_renewed_once(void **state)
{
    (void)state;
    part.answers[0] = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    part.answers[1] = "{\"id\":1,\"result\":[4]}";
    part.answers[2] = part.answers[3] = part.answers[0];
    open_rig();
    assert_int_equal(create(), GW_CONNECTOR_OK); /* a write, too: it has not been done */
    assert_string_equal(outcome.result, "4");
    assert_int_equal(part.logins, 2);
    assert_int_equal(create(), GW_CONNECTOR_DENIED);
    assert_string_equal(outcome.code, "session");
    assert_int_equal(part.logins, 3);
    assert_int_equal(part.calls, 4);
}

static void test_refused_logins_pause(void **state)
{
    (void)state;
    part.login = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    open_rig();
    assert_int_equal(count(), GW_CONNECTOR_DENIED);
    assert_string_equal(outcome.code, "login");
    assert_int_equal(count(), GW_CONNECTOR_DENIED);
    assert_true(outcome.retry_ns > 0 && outcome.retry_ns <= GW_NS_PER_SECOND);
    assert_int_equal(part.logins, 1);
}

static void test_logins_that_fail_otherwise(void **state)
{
    static const char *const answers[] = {
        CUT,
        "rubbish",
        "{\"id\":1,\"result\":null}",
        "{\"id\":1,\"result\":[7]}",
        "HTTP/1.1 503 Later\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 429 Slow\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    };

    (void)state;
    open_rig();
    for (size_t i = 0; i < GW_COUNT_OF(answers); i++) {
        part.login = answers[i];
        assert_int_equal(create(), GW_CONNECTOR_UNAVAILABLE); /* it has not been sent */
    }
    assert_int_equal(part.logins, GW_COUNT_OF(answers));
    part.login = "{\"id\":1,\"result\":[7,\"00ff\"]}";
    assert_int_equal(count(), GW_CONNECTOR_OK);
}

static void test_nobody_waits_for_a_login_beyond_the_deadline(void **state)
{
    (void)state;
    part.login = HANG;
    open_rig();
    connector_rig_start_by(&rig, "count", "{\"model\":\"production\"}",
                           gw_clock_monotonic_ns() + GW_NS_PER_SECOND / 5, &outcome);
    connector_rig_finish(&rig, &outcome);
    assert_int_equal(outcome.error, GW_CONNECTOR_UNAVAILABLE);
    assert_string_equal(outcome.reason, "no session was had in time");
}

/* --- faults ----------------------------------------------------------------------------------- */

static void assert_fault(const char *text, enum gw_connector_error of_read,
                         enum gw_connector_error of_write)
{
    part.answers[0] = text;
    assert_int_equal(count(), of_read);
    assert_int_equal(create(), of_write);
}

static void test_faults(void **state)
{
    (void)state;
    open_rig();
    assert_fault(CUT, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT);
    assert_fault("<html>", GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT);
    assert_fault("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{\"id\":1,",
                 GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT);
    assert_fault("HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 4\r\n\r\nhtml",
                 GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT);
    assert_fault(
        "HTTP/1.1 503 Later\r\nRetry-After: 2\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE);
    assert_int_equal(outcome.retry_ns, 2 * GW_NS_PER_SECOND);
    assert_fault("{\"id\":1,\"result\":[{\"__class__\":\"date\"}]}", GW_CONNECTOR_RUBBISH,
                 GW_CONNECTOR_IN_DOUBT);
    assert_fault("{\"id\":1,\"error\":[\"database is locked\",\"\"]}", GW_CONNECTOR_UNAVAILABLE,
                 GW_CONNECTOR_UNAVAILABLE);
}

static void test_a_hang_ends_at_the_deadline(void **state)
{
    (void)state;
    rig.backend.config.total_ns = rig.backend.config.first_byte_ns = GW_NS_PER_SECOND / 5;
    open_rig();
    assert_fault(HANG, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT);
}

/* The press was cut, but the state says that it was done. */
static void test_a_button_in_doubt_is_looked_at(void **state)
{
    const char *press = "{\"model\":\"production\",\"id\":9,\"button\":\"run\","
                        "\"expect\":[\"running\",\"done\"]}";

    (void)state;
    part.answers[0] = CUT;
    part.answers[1] = "{\"id\":1,\"result\":[{\"id\":9,\"state\":\"running\"}]}";
    part.answers[2] = CUT;
    part.answers[3] = "{\"id\":1,\"result\":[{\"id\":9,\"state\":\"assigned\"}]}";
    open_rig();
    assert_int_equal(run("button", press), GW_CONNECTOR_OK);
    assert_string_equal(outcome.result,
                        "{\"result\":null,\"records\":[{\"id\":9,\"state\":\"running\"}]}");
    assert_int_equal(run("button", press), GW_CONNECTOR_IN_DOUBT); /* it may still come */
    assert_int_equal(part.calls, 4);
}

static void test_a_press_without_a_state_is_in_doubt(void **state)
{
    (void)state;
    part.answers[0] = "{\"id\":1,\"result\":null}";
    part.answers[1] = "HTTP/1.1 503 Later\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    open_rig();
    assert_int_equal(run("button", "{\"model\":\"production\",\"id\":9,\"button\":\"run\","
                                   "\"expect\":\"running\"}"),
                     GW_CONNECTOR_IN_DOUBT);
    assert_string_equal(outcome.code, "state-unknown");
}

static void test_a_wizard_is_deleted_whatever_happens(void **state)
{
    (void)state;
    part.answers[0] = "{\"id\":1,\"result\":[33,\"start\",\"end\"]}";
    part.answers[1] = "{\"id\":1,\"error\":[\"UserError\",[\"no\",\"\",null]]}";
    part.answers[2] = part.answers[3] = "{\"id\":1,\"result\":null}";
    open_rig();
    assert_int_equal(run("wizard", "{\"wizard\":\"a.b\",\"model\":\"production\",\"id\":9,"
                                   "\"steps\":[{\"state\":\"go\",\"values\":{\"start\":{\"x\":1}}},"
                                   "{\"state\":\"more\"}]}"),
                     GW_CONNECTOR_REFUSED);
    assert_string_equal(outcome.reason, "no");
    assert_int_equal(part.calls, 3);
    assert_non_null(strstr(part.bodies[0], "\"wizard.a.b.create\",\"params\":[{"));
    assert_non_null(strstr(part.bodies[1], "\"wizard.a.b.execute\",\"params\":[33,{\"start\":"
                                           "{\"x\":1}},\"go\",{"));
    assert_non_null(strstr(part.bodies[1], ",\"active_model\":\"production\",\"active_id\":9,"
                                           "\"active_ids\":[9]}]}"));
    assert_non_null(strstr(part.bodies[2], "\"wizard.a.b.delete\",\"params\":[33,{"));
}

/* --- leaving ---------------------------------------------------------------------------------- */

static void test_calls_are_cancelled(void **state)
{
    struct connector_outcome waiting, sent;

    (void)state;
    part.answers[0] = HANG;
    open_rig();
    connector_rig_start(&rig, "count", "{\"model\":\"production\"}", NULL, &waiting);
    gw_connector_cancel(&waiting.call); /* while the login is under way */
    connector_rig_start(&rig, "count", "{\"model\":\"production\"}", NULL, &sent);
    while (atomic_load(&part.calls) == 0)
        gw_loop_turn(rig.backend.loop, 10);
    gw_connector_cancel(&sent.call);
    gw_loop_turn(rig.backend.loop, 10);
    assert_false(waiting.is_there || sent.is_there);
    gw_arena_finish(&waiting.arena);
    gw_arena_finish(&sent.arena);
}

static void assert_effect(const char *function, const char *arguments, enum gw_effect_class class)
{
    const struct gw_connector_function *at = gw_tryton_connector.functions;
    struct gw_json_error error;
    struct gw_arena arena;
    struct gw_value value;

    while (strcmp(at->name, function) != 0)
        at++;
    gw_arena_init(&arena, 4096, 1 << 16);
    assert_int_equal(gw_value_read(&arena, gw_str_of(arguments), NULL, &value, &error), 0);
    assert_int_equal(at->effect_with(&value), class);
    assert_int_equal(at->classify(NULL, &value), class);
    gw_arena_finish(&arena);
}

static void test_classes_of_effects(void **state)
{
    (void)state;
    open_rig();
    assert_effect("create", "{\"values\":{},\"lookup\":{}}", GW_EFFECT_SEARCHABLE);
    assert_effect("create", "{\"values\":\"${ . }\",\"lookup\":\"${ . }\"}", GW_EFFECT_SEARCHABLE);
    assert_effect("create", "{\"values\":[{}],\"lookup\":{}}", GW_EFFECT_UNKNOWN);
    assert_effect("create", "{\"values\":{},\"lookup\":null}", GW_EFFECT_UNKNOWN);
    assert_effect("write", "{\"timestamp\":\"1\"}", GW_EFFECT_TRANSITION);
    assert_effect("write", "{}", GW_EFFECT_UNKNOWN);
    assert_effect("button", "{\"expect\":\"done\"}", GW_EFFECT_TRANSITION);
    assert_effect("button", "{}", GW_EFFECT_UNKNOWN);
}

static void test_options(void **state)
{
    static const char *const wrong[] = {
        "{database: 'a/b', user: u, password: p}",
        "{database: '..', user: u, password: p}",
        "{database: a, user: 'u:v', password: p}",
    };
    struct gw_error error = {0};

    (void)state;
    open_rig();
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++) {
        void *self = NULL;
        json_t *config = NULL;
        assert_int_equal(gw_option_parse(wrong[i], gw_tryton_connector.options, &config, &error),
                         0);
        assert_true(gw_tryton_connector.create(config, &rig.backend.backend, &self, &error) < 0);
        assert_null(self);
        json_decref(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_lock_is_in_the_context, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arguments_that_cannot_be_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_login_for_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_session_is_renewed_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_logins_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_logins_that_fail_otherwise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_waits_for_a_login_beyond_the_deadline, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_hang_ends_at_the_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_button_in_doubt_is_looked_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_press_without_a_state_is_in_doubt, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_wizard_is_deleted_whatever_happens, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_calls_are_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_classes_of_effects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_options, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
