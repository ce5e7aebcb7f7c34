#include "server/store/cluster_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#define COUNT_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

/* As CLUSTER KEYSLOT of Redis 7.0 says. */
static void test_slots(void **state)
{
    static const struct {
        struct gw_str key;
        uint16_t slot;
    } rows[] = {
        {GW_STR_INIT("123456789"), 0x31c3},  {GW_STR_INIT(""), 0},
        {GW_STR_INIT("foo"), 12182},         {GW_STR_INIT("{foo}.bar"), 12182},
        {GW_STR_INIT("x{foo}{bar}"), 12182}, {GW_STR_INIT("{millgate:records}:log"), 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows) - 1; i++)
        assert_int_equal(gw_cluster_slot(rows[i].key), rows[i].slot);
    assert_int_equal(gw_cluster_slot(rows[5].key), gw_cluster_slot(GW_STR("millgate:records")));
    /* Empty braces, and braces that do not close, are no tag. */
    assert_int_not_equal(gw_cluster_slot(GW_STR("{}foo")), gw_cluster_slot(GW_STR("foo")));
    assert_int_not_equal(gw_cluster_slot(GW_STR("{}foo")), gw_cluster_slot(GW_STR("")));
    assert_int_not_equal(gw_cluster_slot(GW_STR("{foo")), gw_cluster_slot(GW_STR("foo")));
    /* The first closing brace counts: the tag is "{bar". */
    assert_int_equal(gw_cluster_slot(GW_STR("foo{{bar}}zap")), gw_cluster_slot(GW_STR("{bar")));
}

static void test_refusals(void **state)
{
    static const struct {
        struct gw_str text;
        enum gw_cluster_refusal refusal;
        uint16_t slot;
        struct gw_str host;
        uint16_t port;
    } rows[] = {
        {GW_STR_INIT("MOVED 3999 127.0.0.1:6381"), GW_CLUSTER_MOVED, 3999, GW_STR_INIT("127.0.0.1"),
         6381},
        {GW_STR_INIT("MOVED 0 ::1:7000"), GW_CLUSTER_MOVED, 0, GW_STR_INIT("::1"), 7000},
        {GW_STR_INIT("MOVED 16383 :7000"), GW_CLUSTER_MOVED, 16383, GW_STR_INIT(""), 7000},
        {GW_STR_INIT("ASK 12 redis-2.example:65535"), GW_CLUSTER_ASK, 12,
         GW_STR_INIT("redis-2.example"), 65535},
        {.text = GW_STR_INIT("MOVED 16384 127.0.0.1:6381")},
        {.text = GW_STR_INIT("MOVED x 127.0.0.1:6381")},
        {.text = GW_STR_INIT("MOVED 1 127.0.0.1")},
        {.text = GW_STR_INIT("MOVED 1 127.0.0.1:0")},
        {.text = GW_STR_INIT("MOVED 1 127.0.0.1:65536")},
        {.text = GW_STR_INIT("MOVED 1")},
        {.text = GW_STR_INIT("MOVED ")},
        {.text = GW_STR_INIT("ASK")},
        {.text = GW_STR_INIT("")},
        {.text = GW_STR_INIT("ERR unknown command")},
        {.text = GW_STR_INIT("TRYAGAIN Multiple keys request"), .refusal = GW_CLUSTER_LATER},
        {.text = GW_STR_INIT("CLUSTERDOWN The cluster is down"), .refusal = GW_CLUSTER_LATER},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gw_cluster_redirection redirection = {.slot = 1};
        assert_int_equal(gw_cluster_read_refusal(rows[i].text, &redirection), rows[i].refusal);
        if (rows[i].port == 0)
            continue;
        assert_int_equal(redirection.slot, rows[i].slot);
        assert_true(gw_str_equal(redirection.to.host, rows[i].host));
        assert_int_equal(redirection.to.port, rows[i].port);
    }
}

#define NUMBER(value)                                \
    {                                                \
        .type = GW_REPLY_INTEGER, .integer = (value) \
    }
#define TEXT(literal)                                         \
    {                                                         \
        .type = GW_REPLY_STRING, .text = GW_STR_INIT(literal) \
    }

static int read_one(const struct gw_reply node[2], int64_t first, int64_t last,
                    struct gw_cluster_range *out_range)
{
    const struct gw_reply parts[] = {
        NUMBER(first), NUMBER(last), {.type = GW_REPLY_ARRAY, .items = node, .count = 2}};
    const struct gw_reply range = {.type = GW_REPLY_ARRAY, .items = parts, .count = 3};
    const struct gw_reply reply = {.type = GW_REPLY_ARRAY, .items = &range, .count = 1};

    return gw_cluster_read_range(&reply, 0, out_range);
}

static void test_ranges(void **state)
{
    const struct gw_reply good[] = {TEXT("127.0.0.1"), NUMBER(7000)};
    const struct gw_reply unknown[] = {{.type = GW_REPLY_NIL}, NUMBER(7000)};
    const struct gw_reply question[] = {TEXT("?"), NUMBER(7000)};
    const struct gw_reply bad_port[] = {TEXT("127.0.0.1"), NUMBER(65536)};
    const struct gw_reply bad_host[] = {NUMBER(1), NUMBER(7000)};
    const struct gw_reply odd = {.type = GW_REPLY_ARRAY};
    const struct gw_reply reply = {.type = GW_REPLY_ARRAY, .items = &odd, .count = 1};
    struct gw_cluster_range range;

    (void)state;
    assert_int_equal(read_one(good, 5, 16383, &range), 0);
    assert_int_equal(range.first, 5);
    assert_int_equal(range.last, 16383);
    assert_int_equal(range.at.port, 7000);
    assert_true(gw_str_equal(range.at.host, GW_STR("127.0.0.1")));
    assert_int_equal(read_one(unknown, 0, 0, &range), 0);
    assert_int_equal(range.at.host.len, 0);
    assert_int_equal(read_one(question, 0, 0, &range), 0);
    assert_int_equal(range.at.host.len, 0);
    assert_int_equal(read_one(good, 6, 5, &range), -EPROTO);
    assert_int_equal(read_one(good, -1, 5, &range), -EPROTO);
    assert_int_equal(read_one(good, 0, 16384, &range), -EPROTO);
    assert_int_equal(read_one(bad_port, 0, 5, &range), -EPROTO);
    assert_int_equal(read_one(bad_host, 0, 5, &range), -EPROTO);
    assert_int_equal(gw_cluster_read_range(&reply, 0, &range), -EPROTO);
}

static void test_states(void **state)
{
    struct gw_reply reply = TEXT("cluster_state:ok\r\ncluster_size:3\r\n"
                                 "cluster_current_epoch:12\r\ncluster_my_epoch:2\r\n");
    struct gw_cluster_state found;

    (void)state;
    assert_int_equal(gw_cluster_read_state(&reply, &found), 0);
    assert_true(found.is_ok);
    assert_int_equal(found.epoch, 12);
    reply.text = GW_STR("cluster_state:fail\r\ncluster_current_epoch:12");
    assert_int_equal(gw_cluster_read_state(&reply, &found), 0);
    assert_false(found.is_ok);
    reply.text = GW_STR("cluster_state:ok\r\n");
    assert_int_equal(gw_cluster_read_state(&reply, &found), -EPROTO);
    reply.type = GW_REPLY_ERROR;
    assert_int_equal(gw_cluster_read_state(&reply, &found), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
