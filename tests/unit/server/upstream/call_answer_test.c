/* Answers to calls of our own: long ones, those that are read ahead, and cut ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/json/value.h"
#include "server/net/loop.h"
#include "tests/unit/support/call_rig.h"

static struct call_rig rig;

static int set_up(void **state)
{
    (void)state;
    call_rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    call_rig_close(&rig);
    return 0;
}

/* Streamed, as it comes in pieces and without a length. */
static void test_a_long_answer_is_collected_up_to_the_bound(void **state)
{
    static char answer[200 * 1024];
    struct gw_call_request request = call_rig_get(&rig);
    size_t len = (size_t)snprintf(answer, sizeof(answer),
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1d4c0\r\n");

    (void)state;
    memset(answer + len, 'x', 120000);
    snprintf(answer + len + 120000, 16, "\r\n0\r\n\r\n");
    call_rig_set_answer(&rig, answer);
    backend_rig_adopt(&rig.backend);
    request.max_answer_bytes = 120000;
    struct call_outcome whole = call_rig_run(&rig, &request);
    assert_int_equal(whole.status, 200);
    assert_string_equal(whole.problem, "");
    assert_int_equal(whole.body_len, 120000);
    request.max_answer_bytes = 119999;
    struct call_outcome large = call_rig_run(&rig, &request);
    assert_string_equal(large.problem, "bad-gateway");
    assert_int_equal(large.backend_status, 200);
}

/* 300 KiB of JSON: it is there as a value, with its fields, in an arena of the caller's. */
#define LARGE_ITEMS 30000
static char large_answers[2][512 * 1024]; /* a peer may still be at the one before */

static void make_large_answer(const char *end)
{
    char *large_answer = large_answers[end[0] != '\0'];
    const size_t room = sizeof(large_answers[0]);
    size_t body = 1 + LARGE_ITEMS * 10 + 2 + strlen(end);
    size_t at = (size_t)snprintf(
        large_answer, room, "HTTP/1.1 200 OK\r\nX-Kept: yes\r\nContent-Length: %zu\r\n\r\n[", body);

    for (int i = 0; i < LARGE_ITEMS; i++)
        at += (size_t)snprintf(large_answer + at, 16, "%09d,", 100000000 + i);
    snprintf(large_answer + at, 16, "1]%s", end);
    call_rig_set_answer(&rig, large_answer);
}

struct taking {
    struct call_outcome outcome;
    struct gw_arena arena;
    const struct gw_value *value;
    bool is_again, has_field;
};

static void on_json(void *self, const struct gw_call_answer *answer)
{
    struct taking *taking = self;
    const struct gw_str *field =
        gw_field_find(answer->fields, answer->field_count, GW_STR("x-kept"));

    taking->value = gw_call_take_json(answer, &taking->arena);
    taking->is_again = gw_call_take_json(answer, &taking->arena) != NULL;
    taking->has_field = field != NULL && gw_str_equal(*field, GW_STR("yes"));
    call_rig_on_done(&taking->outcome, answer);
}

static void test_a_large_answer_is_read_ahead(void **state)
{
    struct gw_call_request request = call_rig_get(&rig);
    struct taking taking = {0}, broken = {0}, small = {0};

    (void)state;
    request.max_json_depth = 3;
    backend_rig_adopt(&rig.backend);
    gw_arena_init(&taking.arena, 1024, 64u << 20);
    gw_arena_init(&small.arena, 1024, 65536);
    make_large_answer("");
    assert_non_null(gw_call_start(&request, on_json, &taking));
    backend_rig_wait(&rig.backend, &taking.outcome.is_there);
    assert_non_null(taking.value);
    assert_true(taking.has_field && !taking.is_again);
    assert_int_equal(taking.value->count, LARGE_ITEMS + 1);
    assert_true(gw_str_equal(taking.value->items[7].text, GW_STR("100000007")));
    gw_arena_finish(&taking.arena);
    assert_non_null(gw_call_start(&request, on_json, &small)); /* no room for it */
    backend_rig_wait(&rig.backend, &small.outcome.is_there);
    assert_null(small.value);
    assert_true(small.outcome.body_len > 300000);
    gw_arena_finish(&small.arena);
    gw_arena_init(&broken.arena, 1024, 64u << 20);
    make_large_answer("]");
    assert_non_null(gw_call_start(&request, on_json, &broken));
    backend_rig_wait(&rig.backend, &broken.outcome.is_there);
    assert_null(broken.value);
    assert_int_equal(broken.outcome.status, 200);
    gw_arena_finish(&broken.arena);
}

/* Also while it is being read: the thread has all that it reads for itself. */
static void test_one_that_is_read_ahead_is_cancelled(void **state)
{
    struct gw_call_request request = call_rig_get(&rig);
    struct taking taking = {0};

    (void)state;
    request.max_json_depth = 3;
    backend_rig_adopt(&rig.backend);
    make_large_answer("");
    for (int turns = 1; turns < 40; turns++) {
        struct gw_call *call = gw_call_start(&request, on_json, &taking);
        assert_non_null(call);
        for (int i = 0; i < turns && !taking.outcome.is_there; i++)
            gw_loop_turn(rig.backend.loop, 1);
        if (taking.outcome.is_there)
            break;
        gw_call_cancel(call);
    }
    taking.outcome.is_there = false;
    gw_arena_finish(&taking.arena);
    gw_loop_turn(rig.backend.loop, 20);
    assert_false(taking.outcome.is_there);
}

static void test_an_answer_that_is_cut_short(void **state)
{
    struct gw_call_request request = call_rig_get(&rig);

    (void)state;
    call_rig_set_answer(&rig,
                        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{\"a\"");
    call_rig_set_closes(&rig, 0);
    backend_rig_adopt(&rig.backend);
    struct call_outcome outcome = {0};
    assert_non_null(gw_call_start(&request, call_rig_on_done, &outcome));
    while (atomic_load(&rig.peer.requests) == 0)
        gw_loop_turn(rig.backend.loop, 10);
    peer_stop(&rig.peer);
    backend_rig_wait(&rig.backend, &outcome.is_there);
    assert_string_equal(outcome.problem, "bad-gateway");
    assert_true(outcome.was_sent);
    peer_start(&rig.peer, call_rig_play, &rig.part);
}

#define CALL_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CALL_TEST(test_a_long_answer_is_collected_up_to_the_bound),
        CALL_TEST(test_a_large_answer_is_read_ahead),
        CALL_TEST(test_one_that_is_read_ahead_is_cancelled),
        CALL_TEST(test_an_answer_that_is_cut_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
