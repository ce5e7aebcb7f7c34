/* Sparkplug topics and payloads: what they may be, what their values mean. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/sparkplug_rig.h"

static struct gw_arena arena;
static struct gw_error error;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 65536, 32u << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static void test_topics(void **state)
{
    static const struct {
        const char *topic;
        enum gw_sparkplug_kind kind;
        const char *group, *edge_node, *device;
    } good[] = {
        {"spBv1.0/g/NBIRTH/n", GW_SPARKPLUG_NBIRTH, "g", "n", ""},
        {"spBv1.0/g/DDATA/n/d", GW_SPARKPLUG_DDATA, "g", "n", "d"},
        {"spBv1.0/a b/DCMD/line:1/\xc3\xbc", GW_SPARKPLUG_DCMD, "a b", "line:1", "\xc3\xbc"},
        {"spBv1.0/STATE/scada", GW_SPARKPLUG_STATE, "", "scada", ""},
    };
    static const char *const bad[] = {
        "",
        "spBv1.0",
        "spBv1.0/",
        "spBv1.0/g",
        "spAv1.0/g/NBIRTH/n",
        "spBv1.0/g/NBIRTH",
        "spBv1.0/g/NBIRTH/",
        "spBv1.0/g/NBIRTH/n/d",
        "spBv1.0/g/DDATA/n",
        "spBv1.0/g/DDATA/n/d/e",
        "spBv1.0/g/DDATA/n/d/e/f/g",
        "spBv1.0//NDATA/n",
        "spBv1.0/g/ndata/n",
        "spBv1.0/g/STATE/n",
        "spBv1.0/g/NDATA/n+",
        "spBv1.0/g/NDATA/#",
        "spBv1.0/g/NDATA/\xff",
        "spBv1.0/STATE",
        "spBv1.0/STATE/",
    };
    struct gw_sparkplug_topic topic;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(good); i++) {
        assert_int_equal(gw_sparkplug_topic_parse(gw_str_of(good[i].topic), &topic, &error), 0);
        assert_int_equal(topic.kind, good[i].kind);
        assert_true(gw_str_equal(topic.group, gw_str_of(good[i].group)));
        assert_true(gw_str_equal(topic.edge_node, gw_str_of(good[i].edge_node)));
        assert_true(gw_str_equal(topic.device, gw_str_of(good[i].device)));
    }
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++)
        assert_int_equal(gw_sparkplug_topic_parse(gw_str_of(bad[i]), &topic, &error), -EINVAL);
}

static int decode_hex(const char *hex, struct gw_sparkplug_payload *out_payload)
{
    struct gw_str bytes = sparkplug_from_hex(hex);
    int rc = gw_sparkplug_decode(bytes, &arena, out_payload, &error);

    free((void *)(uintptr_t)bytes.ptr); /* nothing points into it */
    return rc;
}

/* Recorded from sparkplug-payload 1.0.3: one metric of each scalar type. */
static void test_payloads_of_the_eclipse_client_are_understood(void **state)
{
    static const char types[] =
        "0880f882b29f3412130a0269381881f882b29f34200150fbffffff0f120d0a03693136200250d4fdffff0f120d"
        "0a0369333220035090ddfbff0f12120a03693634200458ffffffffffffffefff0112090a027538200550fa0112"
        "0b0a03753136200650ffff03120d0a03753332200758ffffffff0f12120a03753634200858ffffffffffffffff"
        "ff01120a0a01662009650000b441120e0a0164200a699a9999999999b9bf12070a0162200b7001120c0a017320"
        "0c7a056772c3bc6e120c0a0174200d5880f882b29f3412070a016e200a3801120d0a0372617720118201030100"
        "ff120b0a0175200f7a043966306512080a0178200e7a017812070a0165200c7a0012070a017a200350001807";
    static const struct {
        const char *name, *text;
        int64_t integer;
        double real;
        enum gw_sample_type value;
    } expected[] = {
        {"i8", NULL, -5, 0, GW_SAMPLE_INTEGER},
        {"i16", NULL, -300, 0, GW_SAMPLE_INTEGER},
        {"i32", NULL, -70000, 0, GW_SAMPLE_INTEGER},
        {"i64", NULL, -9007199254740993, 0, GW_SAMPLE_INTEGER},
        {"u8", NULL, 250, 0, GW_SAMPLE_INTEGER},
        {"u16", NULL, 65535, 0, GW_SAMPLE_INTEGER},
        {"u32", NULL, 4294967295, 0, GW_SAMPLE_INTEGER},
        {"u64", NULL, 0, 18446744073709551615.0, GW_SAMPLE_REAL},
        {"f", NULL, 0, 22.5, GW_SAMPLE_REAL},
        {"d", NULL, 0, -0.1, GW_SAMPLE_REAL},
        {"b", NULL, 1, 0, GW_SAMPLE_BOOLEAN},
        {"s", "gr\xc3\xbcn", 0, 0, GW_SAMPLE_TEXT},
        {"t", NULL, 1795132800000, 0, GW_SAMPLE_INTEGER},
        {"n", NULL, 0, 0, GW_SAMPLE_NONE},
        {"raw", "\x01\0\xff", 3, 0, GW_SAMPLE_TEXT},
        {"u", "9f0e", 0, 0, GW_SAMPLE_TEXT},
        {"x", "x", 0, 0, GW_SAMPLE_TEXT},
        {"e", "", 0, 0, GW_SAMPLE_TEXT},
        {"z", NULL, 0, 0, GW_SAMPLE_INTEGER},
    };
    struct gw_sparkplug_payload payload;

    (void)state;
    assert_int_equal(decode_hex(types, &payload), 0);
    assert_true(payload.has_time && payload.has_seq);
    assert_int_equal(payload.time_ms, 1795132800000);
    assert_int_equal(payload.seq, 7);
    assert_int_equal(payload.metric_count, GW_COUNT_OF(expected));
    assert_true(payload.metrics[0].has_time);
    assert_int_equal(payload.metrics[0].time_ms, 1795132800001);
    for (size_t i = 0; i < GW_COUNT_OF(expected); i++) {
        const struct gw_sparkplug_metric *metric = &payload.metrics[i];
        assert_true(gw_str_equal(metric->name, gw_str_of(expected[i].name)));
        assert_int_equal(metric->value, expected[i].value);
        assert_false(metric->is_mistyped);
        assert_true(metric->has_type && !metric->has_alias);
        if (metric->value == GW_SAMPLE_INTEGER)
            assert_true(metric->integer == expected[i].integer);
        if (metric->value == GW_SAMPLE_REAL)
            assert_true(metric->real == expected[i].real);
        if (metric->value == GW_SAMPLE_TEXT)
            assert_true(gw_str_equal(
                metric->text, expected[i].integer > 0
                                  ? gw_str_from(expected[i].text, (size_t)expected[i].integer)
                                  : gw_str_of(expected[i].text)));
    }
}

static void test_properties_and_parts(void **state)
{
    static const char parts[] =
        "0880f882b29f34123b0a054261746368100420108a012d08021205636f756e7412046b696e641803180c22090a"
        "0208010a03320161220d0a0608feffffff0f0a0332016212490a0544726976651005201392013b0a0131120d0a"
        "0372706d200350a4f4ffff0f12110a046c6f6164200a69000000000000e03f1a070a0170100318012209447269"
        "7665547970652800123a0a0454656d701006200a280130014a210a075175616c6974790a07656e67556e697412"
        "04080318001207080c420343656c690000000000000c401808";
    struct gw_sparkplug_payload payload;

    (void)state;
    assert_int_equal(decode_hex(parts, &payload), 0);
    assert_int_equal(payload.metric_count, 3);
    const struct gw_sparkplug_dataset *dataset = payload.metrics[0].dataset;
    assert_non_null(dataset);
    assert_int_equal(dataset->row_count, 2);
    assert_int_equal(dataset->column_count, 2);
    assert_int_equal(dataset->cells[2].integer, -2);
    assert_true(gw_str_equal(dataset->cells[3].text, GW_STR("b")));
    const struct gw_sparkplug_template *template = payload.metrics[1].template_value;
    assert_non_null(template);
    assert_false(template->is_definition);
    assert_int_equal(template->metric_count, 2);
    assert_int_equal(template->metrics[0].integer, -1500);
    assert_true(gw_str_equal(template->definition, GW_STR("DriveType")));
    const struct gw_sparkplug_metric *metric = &payload.metrics[2];
    assert_int_equal(metric->quality, GW_QUALITY_BAD);
    assert_true(gw_str_equal(metric->unit, GW_STR("Cel")));
    assert_true(metric->is_historical && metric->is_transient && metric->has_alias);
    assert_int_equal(metric->alias, 6);
}

static struct gw_sparkplug_metric of_bits(enum gw_sparkplug_wire wire, uint64_t bits)
{
    return (struct gw_sparkplug_metric){.wire = (uint8_t)wire, .bits = bits};
}

static void test_widths(void **state)
{
    static const struct {
        enum gw_sparkplug_type type;
        enum gw_sparkplug_wire wire;
        uint64_t bits;
        int64_t integer;
        int rc;
    } cases[] = {
        {GW_SPARKPLUG_INT8, GW_SPARKPLUG_WIRE_INT, 0xfb, -5, 0},
        {GW_SPARKPLUG_INT8, GW_SPARKPLUG_WIRE_INT, 0xfffffffb, -5, 0},
        {GW_SPARKPLUG_INT8, GW_SPARKPLUG_WIRE_LONG, UINT64_MAX - 4, -5, 0},
        {GW_SPARKPLUG_INT8, GW_SPARKPLUG_WIRE_INT, 0x7f, 127, 0},
        {GW_SPARKPLUG_INT8, GW_SPARKPLUG_WIRE_INT, 0x80, -128, 0},
        {GW_SPARKPLUG_INT8, GW_SPARKPLUG_WIRE_INT, 0x100, 0, -EINVAL},
        {GW_SPARKPLUG_INT8, GW_SPARKPLUG_WIRE_INT, 0xffffff7f, 0, -EINVAL},
        {GW_SPARKPLUG_INT16, GW_SPARKPLUG_WIRE_INT, 0xfed4, -300, 0},
        {GW_SPARKPLUG_INT16, GW_SPARKPLUG_WIRE_INT, 0x10000, 0, -EINVAL},
        {GW_SPARKPLUG_INT32, GW_SPARKPLUG_WIRE_INT, 0x80000000, INT32_MIN, 0},
        {GW_SPARKPLUG_INT32, GW_SPARKPLUG_WIRE_LONG, 0xffffffff, -1, 0},
        {GW_SPARKPLUG_INT32, GW_SPARKPLUG_WIRE_LONG, 0x100000000, 0, -EINVAL},
        {GW_SPARKPLUG_INT64, GW_SPARKPLUG_WIRE_LONG, UINT64_MAX, -1, 0},
        {GW_SPARKPLUG_INT64, GW_SPARKPLUG_WIRE_INT, 5, 5, 0},
        {GW_SPARKPLUG_INT64, GW_SPARKPLUG_WIRE_INT, 0xffffffff, 0, -EINVAL},
        {GW_SPARKPLUG_UINT8, GW_SPARKPLUG_WIRE_INT, 255, 255, 0},
        {GW_SPARKPLUG_UINT8, GW_SPARKPLUG_WIRE_INT, 256, 0, -EINVAL},
        {GW_SPARKPLUG_UINT16, GW_SPARKPLUG_WIRE_INT, 65536, 0, -EINVAL},
        {GW_SPARKPLUG_UINT32, GW_SPARKPLUG_WIRE_LONG, UINT32_MAX, UINT32_MAX, 0},
        {GW_SPARKPLUG_UINT32, GW_SPARKPLUG_WIRE_LONG, 0x100000000, 0, -EINVAL},
        {GW_SPARKPLUG_UINT64, GW_SPARKPLUG_WIRE_LONG, INT64_MAX, INT64_MAX, 0},
        {GW_SPARKPLUG_DATETIME, GW_SPARKPLUG_WIRE_LONG, UINT64_MAX, 0, -EINVAL},
        {GW_SPARKPLUG_DOUBLE, GW_SPARKPLUG_WIRE_INT, 1, 0, -EINVAL},
        {GW_SPARKPLUG_BOOLEAN, GW_SPARKPLUG_WIRE_INT, 1, 0, -EINVAL},
        {GW_SPARKPLUG_STRING, GW_SPARKPLUG_WIRE_INT, 1, 0, -EINVAL},
        {GW_SPARKPLUG_UNKNOWN, GW_SPARKPLUG_WIRE_INT, 1, 0, -EINVAL},
        {GW_SPARKPLUG_INT32, GW_SPARKPLUG_WIRE_NONE, 0, 0, -EINVAL},
        {20, GW_SPARKPLUG_WIRE_BYTES, 0, 0, -EINVAL},
        {99, GW_SPARKPLUG_WIRE_BYTES, 0, 0, -EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_sparkplug_metric metric = of_bits(cases[i].wire, cases[i].bits);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(gw_sparkplug_apply_type(&metric, cases[i].type), cases[i].rc);
            assert_int_equal(metric.value, cases[i].rc == 0 ? GW_SAMPLE_INTEGER : GW_SAMPLE_NONE);
            assert_true(cases[i].rc != 0 || metric.integer == cases[i].integer);
        }
    }
    struct gw_sparkplug_metric text = {.wire = GW_SPARKPLUG_WIRE_STRING, .text = GW_STR("\xff")};
    assert_int_equal(gw_sparkplug_apply_type(&text, GW_SPARKPLUG_STRING), -EINVAL);
}

static void test_what_is_written_is_read(void **state)
{
    static const char metrics[] =
        "a#0:Int8=-5 b#18446744073709551615:Int64=-9007199254740993 c:UInt64=9223372036854775807 "
        "d:Float=0.5@+5 e:Double=-0.1? f:Boolean=false g:String=text h:DateTime=5~ i:Int32=null "
        "j:Bytes=abc #7=3 #8=0.25";
    struct gw_sparkplug_payload payload, again;
    struct gw_buf bytes, second;

    (void)state;
    gw_buf_init(&bytes, 65536);
    gw_buf_init(&second, 65536);
    sparkplug_write(&bytes, 255, 1234, metrics);
    assert_int_equal(gw_sparkplug_decode(gw_buf_str(&bytes), &arena, &payload, &error), 0);
    assert_int_equal(gw_sparkplug_encode(&payload, &second), 0);
    assert_true(gw_str_equal(gw_buf_str(&bytes), gw_buf_str(&second)));
    assert_int_equal(gw_sparkplug_decode(gw_buf_str(&second), &arena, &again, &error), 0);
    assert_int_equal(again.seq, 255);
    assert_int_equal(again.metric_count, 12);
    assert_int_equal(again.metrics[0].integer, -5);
    assert_true(again.metrics[0].has_alias);
    assert_true(again.metrics[1].alias == UINT64_MAX);
    assert_int_equal(again.metrics[3].time_ms, 1239);
    assert_int_equal(again.metrics[4].quality, GW_QUALITY_BAD);
    assert_true(again.metrics[7].is_historical);
    assert_true(again.metrics[8].is_null);
    assert_true(again.metrics[11].real == 0.25);
    gw_buf_finish(&bytes);
    gw_buf_finish(&second);
}

static void test_what_is_no_payload(void **state)
{
    static const char *const bad[] = {
        "12",                       /* a tag without a value */
        "1205",                     /* a length beyond the end */
        "08ffffffffffffffffffffff", /* a varint without an end */
        "188002",                   /* seq 256 */
        "0b",                       /* a group */
        "12020a05",                 /* within a metric */
        "2212"
        "535042"
        "56312e305f434f4d50524553534544", /* compressed */
    };
    struct gw_sparkplug_payload payload;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++)
        assert_int_equal(decode_hex(bad[i], &payload), -EINVAL);
    assert_int_equal(decode_hex("", &payload), 0);
    assert_false(payload.has_seq || payload.has_time);
    assert_int_equal(decode_hex("fa0603616263", &payload), 0); /* a field of a maker's own */
}

/* Templates within templates, `depth` of them. */
static size_t nest(char *bytes, size_t room, unsigned depth)
{
    size_t at = room;

    for (unsigned i = 0; i < depth && at > 16; i++) {
        size_t inner = room - at;
        for (int part = 0; part < 2; part++, inner = room - at) {
            /* 12 LEN: a metric (of a payload or a template); 92 01 LEN: its template value */
            char head[8];
            size_t len = 0;
            if (part == 0) {
                head[len++] = (char)0x92;
                head[len++] = 1;
            } else {
                head[len++] = 0x12;
            }
            for (; inner >= 0x80; inner >>= 7)
                head[len++] = (char)(inner | 0x80);
            head[len++] = (char)inner;
            at -= len;
            memcpy(bytes + at, head, len);
        }
    }
    memmove(bytes, bytes + at, room - at);
    return room - at;
}

static void test_a_payload_is_bounded(void **state)
{
    size_t room = GW_SPARKPLUG_MAX_BYTES + 1;
    char *bytes = calloc(1, room);
    struct gw_sparkplug_payload payload;

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(gw_sparkplug_decode(gw_str_from(bytes, room), &arena, &payload, &error),
                     -E2BIG);
    size_t len = nest(bytes, room - 1, 7);
    assert_int_equal(gw_sparkplug_decode(gw_str_from(bytes, len), &arena, &payload, &error), 0);
    for (unsigned depth = 9; depth < 200000; depth *= 3) {
        memset(bytes, 0, room);
        len = nest(bytes, room - 1, depth);
        assert_int_equal(gw_sparkplug_decode(gw_str_from(bytes, len), &arena, &payload, &error),
                         -E2BIG);
    }
    for (size_t i = 0; i < room - 1; i += 2) {
        bytes[i] = 0x12; /* an empty metric */
        bytes[i + 1] = 0;
    }
    assert_int_equal(gw_sparkplug_decode(gw_str_from(bytes, 2 * GW_SPARKPLUG_MAX_METRICS), &arena,
                                         &payload, &error),
                     0);
    assert_int_equal(payload.metric_count, GW_SPARKPLUG_MAX_METRICS);
    assert_int_equal(gw_sparkplug_decode(gw_str_from(bytes, room - 1), &arena, &payload, &error),
                     -E2BIG);

    struct gw_arena small;
    gw_arena_init(&small, 4096, 65536);
    assert_int_equal(gw_sparkplug_decode(gw_str_from(bytes, 20000), &small, &payload, &error),
                     -ENOMEM);
    gw_arena_finish(&small);
    free(bytes);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_topics),
        T(test_payloads_of_the_eclipse_client_are_understood),
        T(test_properties_and_parts),
        T(test_widths),
        T(test_what_is_written_is_read),
        T(test_what_is_no_payload),
        T(test_a_payload_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
