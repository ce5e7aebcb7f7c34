#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/http/exchange.h"
#include "server/http/websocket.h"

static struct gw_field fields[] = {
    {GW_STR_INIT("Host"), GW_STR_INIT("x")},
    {GW_STR_INIT("Connection"), GW_STR_INIT("keep-alive, Upgrade")},
    {GW_STR_INIT("upgrade"), GW_STR_INIT("h2c , WebSocket")},
    {GW_STR_INIT("Sec-WebSocket-Version"), GW_STR_INIT("13")},
    {GW_STR_INIT("Sec-WebSocket-Key"), GW_STR_INIT("dGhlIHNhbXBsZSBub25jZQ==")},
    {GW_STR_INIT("Sec-WebSocket-Key"), GW_STR_INIT("dGhlIHNhbXBsZSBub25jZQ==")},
};

static struct gw_request request_of(size_t first, size_t count)
{
    return (struct gw_request){
        .method = GW_METHOD_GET, .fields = fields + first, .field_count = count};
}

static void a_handshake_is_known(void **state)
{
    (void)state;
    struct gw_request request = request_of(0, 3);
    assert_true(gw_websocket_is_asked(&request));
    request.method = GW_METHOD_POST;
    assert_false(gw_websocket_is_asked(&request));
    request = request_of(0, 3);
    request.body_bytes = -1;
    assert_false(gw_websocket_is_asked(&request));
    request = request_of(0, 2);
    assert_false(gw_websocket_is_asked(&request));
    request = request_of(2, 3);
    assert_false(gw_websocket_is_asked(&request));
}

static void its_key_and_version_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
                                      "dGhlIHNhbXBsZSBub25j-Q==", "dGhlIHNhbXBsZSBub25jZQAA"};
    struct gw_str key;
    struct gw_request request = request_of(0, 5);

    assert_int_equal(gw_websocket_check(&request, &key), GW_WEBSOCKET_GOOD);
    assert_true(gw_str_equal(key, fields[4].value));
    request = request_of(0, 6);
    assert_int_equal(gw_websocket_check(&request, &key), GW_WEBSOCKET_BAD_KEY); /* two of them */
    request = request_of(0, 4);
    assert_int_equal(gw_websocket_check(&request, &key), GW_WEBSOCKET_BAD_KEY);
    request = request_of(0, 3);
    assert_int_equal(gw_websocket_check(&request, &key), GW_WEBSOCKET_BAD_VERSION);
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++) {
        struct gw_field own[] = {fields[3], {GW_STR_INIT("Sec-WebSocket-Key"), gw_str_of(bad[i])}};
        request.fields = own;
        request.field_count = 2;
        assert_int_equal(gw_websocket_check(&request, &key), GW_WEBSOCKET_BAD_KEY);
    }
}

/* RFC 6455, section 1.3. */
static void the_accept_is_that_of_the_standard(void **state)
{
    (void)state;
    char accept[GW_WEBSOCKET_ACCEPT_LEN + 1], one[GW_WEBSOCKET_KEY_LEN + 1],
        other[GW_WEBSOCKET_KEY_LEN + 1];

    gw_websocket_accept(fields[4].value, accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    gw_websocket_make_key(one);
    gw_websocket_make_key(other);
    assert_string_not_equal(one, other);
    assert_int_equal(strlen(one), GW_WEBSOCKET_KEY_LEN);
    assert_string_equal(one + GW_WEBSOCKET_KEY_LEN - 2, "==");
}

/* Appends a frame; returns its length. */
static size_t frame(char *out, size_t payload, unsigned len_bytes, bool is_masked)
{
    size_t at = 0;
    char mask = is_masked ? (char)0x80 : 0;

    out[at++] = (char)0x82;
    out[at++] = (char)(mask | (len_bytes == 0 ? (int)payload : len_bytes == 2 ? 126 : 127));
    for (unsigned i = len_bytes; i-- > 0;)
        out[at++] = (char)(payload >> (8 * i));
    if (is_masked)
        at += 4;
    return at + payload;
}

static void frames_are_followed_however_they_are_cut(void **state)
{
    (void)state;
    static char stream[200 * 1024];
    size_t ends[7], len = 0, count = 0;
    const struct {
        size_t payload;
        unsigned len_bytes;
        bool is_masked;
    } each[] = {{0, 0, false},  {0, 0, true},      {125, 0, false},  {126, 2, true},
                {300, 8, true}, {65535, 2, false}, {70000, 8, false}};

    for (size_t i = 0; i < GW_COUNT_OF(each); i++)
        ends[i] = len += frame(stream + len, each[i].payload, each[i].len_bytes, each[i].is_masked);
    static const size_t cuts[] = {1, 2, 3, 7, 1000, sizeof(stream)};
    for (size_t c = 0; c < GW_COUNT_OF(cuts); c++) {
        struct gw_websocket_frames frames = {0};
        count = 0;
        for (size_t at = 0; at < len;) {
            size_t piece = len - at < cuts[c] ? len - at : cuts[c];
            size_t used = gw_websocket_frames_follow(&frames, gw_str_from(stream + at, piece));
            assert_true(used > 0 && used <= piece);
            at += used;
            if (gw_websocket_frames_is_between(&frames))
                assert_int_equal(at, ends[count++]);
        }
        assert_int_equal(count, GW_COUNT_OF(each));
    }
}

static void a_close_has_its_code(void **state)
{
    (void)state;
    uint8_t close[GW_WEBSOCKET_CLOSE_BYTES];
    gw_websocket_write_close(1001, close);
    assert_memory_equal(close, "\x88\x02\x03\xe9", sizeof(close));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_is_known),
        cmocka_unit_test(its_key_and_version_are_checked),
        cmocka_unit_test(the_accept_is_that_of_the_standard),
        cmocka_unit_test(frames_are_followed_however_they_are_cut),
        cmocka_unit_test(a_close_has_its_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
