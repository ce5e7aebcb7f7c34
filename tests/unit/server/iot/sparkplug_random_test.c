/* Long sessions by chance: devices that die and are born again, rebirths, values by alias and by
 * name. However their messages come, out of order within the window, doubled, over moves to another
 * host, what is told is what is told of them in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/sparkplug_rig.h"

#define MESSAGES 700 /* seq begins anew more than twice */
#define ROUNDS 60
#define DISPLACED 40 /* places that a message may come too late */

struct sent {
    const char *topic;
    int seq;
    int64_t time_ms;
    char metrics[120];
    uint32_t arrival;
};

static struct sparkplug_rig rig;
static struct sent sent[MESSAGES];
static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed ^ seed >> 13) * below >> 32);
}

/* --- a session -------------------------------------------------------------------------------- */

#define TOPICS(kind)                               \
    {                                              \
        kind "/line-1/cnc-1", kind "/line-1/cnc-2" \
    }

static void bear_device(struct sent *message, uint32_t device)
{
    static const char *const topics[] = TOPICS("DBIRTH");

    message->topic = topics[device];
    snprintf(message->metrics, sizeof(message->metrics),
             "Production/Good#%u:Int32=%u Spindle/Vibration#%u:Double=%u.5", 10 * device + 1,
             draw(100), 10 * device + 2, draw(20));
}

static void tell_values(struct sent *message, uint32_t device)
{
    static const char *const topics[] = TOPICS("DDATA");
    uint32_t good = draw(1000), shake = draw(20);
    int late_ms = (int)draw(2000);

    message->topic = topics[device];
    if (draw(3) == 0)
        snprintf(message->metrics, sizeof(message->metrics), "Production/Good:Int32=%u@-%d~", good,
                 late_ms);
    else
        snprintf(message->metrics, sizeof(message->metrics), "#%u=%u #%u=%u.25", 10 * device + 1,
                 good, 10 * device + 2, shake);
}

/* What is not born says nothing; so a birth is what comes next of it. */
static void make_message(struct sent *message, uint32_t index, bool *is_born)
{
    static const char *const deaths[] = TOPICS("DDEATH");
    uint32_t device = draw(2);

    message->metrics[0] = '\0';
    if (index == 0 || draw(150) == 0) {
        message->topic = "NBIRTH/line-1";
        message->seq = 0;
        snprintf(message->metrics, sizeof(message->metrics), "bdSeq:UInt64=3 Load#50:Double=%u.5",
                 draw(9));
        is_born[0] = is_born[1] = false;
    } else if (!is_born[device]) {
        bear_device(message, device);
        is_born[device] = true;
    } else if (draw(40) == 0) {
        message->topic = deaths[device];
        is_born[device] = false;
    } else if (draw(5) == 0) {
        message->topic = "NDATA/line-1";
        snprintf(message->metrics, sizeof(message->metrics), "#50=%u.75", draw(9));
    } else {
        tell_values(message, device);
    }
}

static void make_session(void)
{
    bool is_born[2] = {false, false};
    int64_t time_ms = 10000;
    int seq = 0;

    for (uint32_t i = 0; i < MESSAGES; i++, seq = (seq + 1) % 256) {
        sent[i].time_ms = time_ms += 1 + draw(300);
        sent[i].seq = seq;
        make_message(&sent[i], i, is_born);
        seq = sent[i].seq;
    }
}

/* --- how it comes ----------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct sent *left = *(const struct sent *const *)a,
                      *right = *(const struct sent *const *)b;

    if (left->arrival != right->arrival)
        return left->arrival < right->arrival ? -1 : 1;
    return left < right ? -1 : left > right;
}

static bool is_node_birth(const struct sent *message)
{
    return strncmp(message->topic, "NBIRTH", 6) == 0;
}

/* Nothing of a session comes behind the birth of the next one: it would be of no use any more. */
static void shuffle(const struct sent **order)
{
    for (uint32_t i = 0; i < MESSAGES; i++) {
        uint32_t birth = i + 1;
        while (birth < MESSAGES && !is_node_birth(&sent[birth]))
            birth++;
        sent[i].arrival = 10 * i + (is_node_birth(&sent[i]) ? 0 : draw(10 * DISPLACED));
        if (birth < MESSAGES && sent[i].arrival >= 10 * birth)
            sent[i].arrival = 10 * birth - 1;
        order[i] = &sent[i];
    }
    qsort(order, MESSAGES, sizeof(*order), compare);
}

static void move(void)
{
    struct gw_sparkplug_host *next = sparkplug_rig_host(&rig);
    struct gw_buf bytes;

    gw_buf_init(&bytes, 8 << 20);
    assert_int_equal(gw_sparkplug_host_save(rig.host, rig.line_1, &bytes), 0);
    assert_int_equal(gw_sparkplug_host_load(next, rig.line_1, gw_buf_str(&bytes)), 0);
    gw_buf_finish(&bytes);
    gw_sparkplug_host_destroy(rig.host);
    rig.host = next;
}

static void feed(const struct sent *message)
{
    sparkplug_rig_feed(&rig, message->topic, message->seq, message->time_ms, message->metrics);
}

static char *play(const struct sent *const *order, bool is_rough)
{
    sparkplug_rig_open(&rig, NULL);
    rig.now_ms = 1000000; /* behind all that the node says */
    for (uint32_t i = 0; i < MESSAGES; i++) {
        feed(order[i]);
        const struct sent *again = order[i - (i < 8 ? 0 : draw(8))];
        if (is_rough && draw(6) == 0 && !is_node_birth(again)) /* of an old one another is asked */
            feed(again);
        if (is_rough && draw(40) == 0)
            move();
    }
    char *told = strdup(sparkplug_rig_told(&rig));
    assert_non_null(told);
    sparkplug_rig_close(&rig);
    return told;
}

static void fail_where_they_differ(uint32_t round, const char *expected, const char *told)
{
    size_t at = 0;

    while (expected[at] == told[at])
        at++;
    while (at > 0 && expected[at - 1] != '\n')
        at--;
    fail_msg("round %u: expected\n%.300s\ntold\n%.300s", round, expected + at, told + at);
}

static void sessions_are_understood_however_they_come(void **state)
{
    (void)state;
    const struct sent *order[MESSAGES];

    for (uint32_t round = 0; round < ROUNDS; round++) {
        seed = round * 7919 + 1;
        make_session();
        for (uint32_t i = 0; i < MESSAGES; i++)
            order[i] = &sent[i];
        char *expected = play(order, false);
        assert_null(strstr(expected, "rebirth"));
        assert_true(strlen(expected) > (size_t)MESSAGES * 20);
        shuffle(order);
        char *told = play(order, true);
        if (strcmp(expected, told) != 0)
            fail_where_they_differ(round, expected, told);
        free(expected);
        free(told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sessions_are_understood_however_they_come)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
