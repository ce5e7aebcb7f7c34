/* What is noted at a request's key before a write leaves, with a real Redis and a backend of the
 * test's own. */
#include "server/connector/key_note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "server/connector/connector.h"
#include "server/http/exchange.h"
#include "server/store/keyed_record.h"
#include "server/store/record.h"
#include "server/upstream/backend.h"
#include "tests/unit/support/write_rig.h"

#define RECORD "millgate:idem:{k}"

/* The backend, and what it answers. */
static struct {
    unsigned sent;
    enum gw_effect_class class;
    enum gw_connector_error answer;
    int status;
} erp;

static struct write_rig rig;
static const struct gw_backend_config config = {.name = GW_STR_INIT("erp")};
static const struct gw_backend backend = {.config = &config};
static struct gw_keyed_claim claim;
static struct gw_exchange cause;
static struct gw_field if_match = {GW_STR_INIT("If-Match"), GW_STR_INIT("\"1\"")};

static bool is_noted(void)
{
    struct redis_outcome outcome = {0};

    redis_rig_ask(&rig.redis, "HEXISTS " RECORD " begun", &outcome);
    return outcome.integer == 1;
}

static void move(void *self, struct gw_connector_call *call)
{
    (void)self;
    erp.sent++;
    if (erp.answer == GW_CONNECTOR_OK) {
        gw_connector_done(call, gw_value_null());
        return;
    }
    gw_connector_fail(
        call, &(struct gw_connector_failure){.error = erp.answer, .backend_status = erp.status});
}

static enum gw_effect_class classify(void *self, const struct gw_value *arguments)
{
    (void)self;
    (void)arguments;
    return erp.class;
}

static const struct gw_connector_function function = {
    .name = "move", .is_write = true, .begin = move, .classify = classify};

static const struct write_subject subject = {&function, &backend, &cause};

static enum gw_connector_error run(void)
{
    return write_rig_run(&rig, &subject, "e");
}

/* As the idempotency policy claims a key. Returns what it is told: {result, fence, begun}. */
struct claimed {
    struct gw_record_write write;
    unsigned ends;
    int64_t result, fence, begun;
};

static bool on_claim_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct claimed *claimed = GW_CONTAINER_OF(write, struct claimed, write);

    claimed->result = gw_reply_integer_at(reply, 0);
    claimed->fence = gw_reply_integer_at(reply, 1);
    claimed->begun = gw_reply_integer_at(reply, 2);
    return true;
}

static void on_claim_done(struct gw_record_write *write, int rc)
{
    struct claimed *claimed = GW_CONTAINER_OF(write, struct claimed, write);

    assert_int_equal(rc, 0);
    claimed->ends++;
}

static struct claimed write_record(const struct gw_script *script, const struct gw_str *args,
                                   size_t count)
{
    static const struct gw_str name = GW_STR_INIT(RECORD);
    struct claimed claimed = {.write = {.on_reply = on_claim_reply, .on_done = on_claim_done}};
    const struct gw_redis_eval eval = {
        .script = script, .keys = &name, .key_count = 1, .args = args, .arg_count = count};

    assert_int_equal(gw_record_write_start(rig.writer, &claimed.write, &eval), 0);
    while (claimed.ends == 0)
        gw_loop_turn(rig.redis.loop, 10);
    return claimed;
}

static struct claimed claim_as(const char *owner)
{
    const struct gw_str args[GW_KEYED_BEGIN_ARGS] = {
        GW_STR("print"), gw_str_of(owner), GW_STR("60000"), GW_STR("60000"), GW_STR("1"),
        GW_STR("me"),    GW_STR("POST /"), GW_STR("k"),     GW_STR("erp")};

    return write_record(&gw_keyed_begin_script, args, GW_KEYED_BEGIN_ARGS);
}

static void end_as_unknown(const char *owner)
{
    const struct gw_str args[GW_KEYED_END_ARGS] = {gw_str_of(owner), GW_STR(""), GW_STR("unknown"),
                                                   GW_STR("60000"), GW_STR("")};

    (void)write_record(&gw_keyed_end_script, args, GW_KEYED_END_ARGS);
}

/* --- the tests --- */

static void a_transition_is_noted_before_it_is_sent(void **state)
{
    (void)state;
    assert_int_equal(claim_as("one").fence, 1);
    assert_false(is_noted());
    assert_int_equal(run(), GW_CONNECTOR_OK);
    assert_true(is_noted());
    assert_true(claim.has_begun);
    assert_false(claim.may_have_left);
    assert_int_equal(run(), GW_CONNECTOR_OK); /* the second of this attempt */
    assert_int_equal(erp.sent, 2);
}

static void whoever_claims_next_is_told(void **state)
{
    (void)state;
    assert_int_equal(claim_as("one").begun, 0);
    end_as_unknown("one");
    assert_int_equal(claim_as("two").begun, 0); /* nothing had been sent */
    claim.owner = GW_STR("two");
    claim.fence = GW_STR("2");
    assert_int_equal(run(), GW_CONNECTOR_OK);
    end_as_unknown("two");
    struct claimed third = claim_as("three");
    assert_int_equal(third.fence, 3);
    assert_int_equal(third.begun, 1);
}

static void whose_claim_is_lost_sends_nothing(void **state)
{
    (void)state;
    (void)claim_as("one");
    end_as_unknown("one");
    assert_int_equal(run(), GW_CONNECTOR_UNAVAILABLE);
    (void)claim_as("two");
    assert_int_equal(run(), GW_CONNECTOR_UNAVAILABLE);
    claim.owner = GW_STR("two"); /* of an earlier claim of its own */
    assert_int_equal(run(), GW_CONNECTOR_UNAVAILABLE);
    assert_int_equal(erp.sent, 0);
    assert_false(is_noted());
}

static void without_redis_nothing_is_sent(void **state)
{
    (void)state;
    (void)claim_as("one");
    redis_server_stop(&rig.redis.server);
    assert_int_equal(run(), GW_CONNECTOR_UNAVAILABLE);
    assert_int_equal(erp.sent, 0);
    assert_false(claim.has_begun);
}

static void other_writes_are_noted_where_the_request_has_a_condition(void **state)
{
    (void)state;
    erp.class = GW_EFFECT_KEYED;
    (void)claim_as("one");
    assert_int_equal(run(), GW_CONNECTOR_OK);
    assert_false(is_noted());
    cause.request.fields = &if_match;
    cause.request.field_count = 1;
    assert_int_equal(run(), GW_CONNECTOR_OK);
    assert_true(is_noted());
    assert_true(claim.may_have_left); /* "unavailable" would only say: ask again */
}

static void a_request_without_a_key_is_not_noted(void **state)
{
    (void)state;
    cause.claim = NULL;
    assert_int_equal(run(), GW_CONNECTOR_OK);
    assert_int_equal(erp.sent, 1);
    assert_false(is_noted());
}

static void who_leaves_meanwhile_sends_nothing(void **state)
{
    struct write_call call;

    (void)state;
    (void)claim_as("one");
    write_rig_begin(&rig, &subject, "e", &call);
    write_rig_cancel(&call);
    redis_rig_turn_for(&rig.redis, 50);
    assert_int_equal(call.ends + erp.sent, 0);
}

/* What it meets may be what the earlier attempt has just made. */
static void a_repeated_one_that_finds_another_state_is_in_doubt(void **state)
{
    (void)state;
    (void)claim_as("one");
    erp.answer = GW_CONNECTOR_CONFLICT;
    erp.status = 412;
    assert_int_equal(run(), GW_CONNECTOR_CONFLICT);
    claim.begun_before = 1;
    assert_int_equal(run(), GW_CONNECTOR_IN_DOUBT);
    erp.status = 409; /* the backend's own reasons */
    assert_int_equal(run(), GW_CONNECTOR_CONFLICT);
    erp.status = 412;
    claim.begun_before = 3; /* whoever asks does not look */
    assert_int_equal(run(), GW_CONNECTOR_CONFLICT);
    claim.begun_before = 1;
    erp.class = GW_EFFECT_KEYED;
    assert_int_equal(run(), GW_CONNECTOR_CONFLICT);
}

static int set_up(void **state)
{
    (void)state;
    memset(&erp, 0, sizeof(erp));
    erp.class = GW_EFFECT_TRANSITION;
    claim = (struct gw_keyed_claim){
        .name = GW_STR(RECORD), .owner = GW_STR("one"), .fence = GW_STR("1")};
    memset(&cause, 0, sizeof(cause));
    cause.claim = &claim;
    write_rig_start(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    write_rig_stop(&rig);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_transition_is_noted_before_it_is_sent),
        TEST(whoever_claims_next_is_told),
        TEST(whose_claim_is_lost_sends_nothing),
        TEST(without_redis_nothing_is_sent),
        TEST(other_writes_are_noted_where_the_request_has_a_condition),
        TEST(a_request_without_a_key_is_not_noted),
        TEST(who_leaves_meanwhile_sends_nothing),
        TEST(a_repeated_one_that_finds_another_state_is_in_doubt),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
