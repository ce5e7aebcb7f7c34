#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/net/http_parser.h"
#include "tests/unit/support/http_message.h"

static bool cut_always(void *self, size_t at)
{
    (void)self, (void)at;
    return true;
}

/* However it is fed, the result is the same. */
static struct message read_both_ways(struct gw_str input, bool is_to_head)
{
    struct message whole = message_read(input, is_to_head, NULL, NULL);
    struct message bytewise = message_read(input, is_to_head, cut_always, NULL);

    if (memcmp(&whole, &bytewise, sizeof(whole)) != 0)
        fail_msg("not the same bytewise: %.*s", GW_STR_ARG(input));
    return whole;
}

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static void test_accepted(void **state)
{
    static const struct {
        const char *text;
        int status;
        unsigned field_count;
        const char *body;
    } cases[] = {
        {OK "Content-Length: 5\r\n\r\nhello", 200, 0, "hello"},
        {OK "Content-Length: 0\r\n\r\n", 200, 0, ""},
        {OK "content-length:\t 2 \t\r\n\r\nab", 200, 0, "ab"},
        {"HTTP/1.0 404 Not Found\r\n\r\nuntil close", 404, 0, "until close"},
        {"HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n", 599, 0, ""},
        {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, 0, ""},
        {"HTTP/1.1 200 a\tb\xe9\r\nA: b\r\nB:\r\nContent-Length: 0\r\n\r\n", 200, 2, ""},
        {OK "!#$%&'*+-.^_`|~09azAZ: \x80\xff x\ty\r\nContent-Length: 0\r\n\r\n", 200, 1, ""},
        {OK "Connection: close, X-Gone\r\nX-Gone: 1\r\nX-Kept: 2\r\nContent-Length: 0\r\n\r\n", 200,
         1, ""},
        {OK "TE: x\r\nTrailer: x\r\nUpgrade: x\r\nKeep-Alive: x\r\nProxy-Connection: x\r\n"
            "Content-Length: 0\r\n\r\n",
         200, 0, ""},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, 0, ""},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n", 304, 0, ""},
        {"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 102 P\r\nA: b\r\n\r\n" OK "Content-Length: 1\r\n\r\nx",
         200, 0, "x"},
        {CHUNKED "0\r\n\r\n", 200, 0, ""},
        {CHUNKED "00000000000000a\r\n0123456789\r\n0\r\n\r\n", 200, 0, "0123456789"},
        {CHUNKED "A;a;b=c;d=\"e \\\" ;f\"\r\n0123456789\r\n000\r\n\r\n", 200, 0, "0123456789"},
        {CHUNKED "1\r\na\r\n1\r\nb\r\n0\r\nT: v\r\nU:\r\n\r\n", 200, 0, "ab"},
        {OK "Transfer-Encoding:  CHUNKED \r\n\r\n0\r\n\r\n", 200, 0, ""},
    };

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(cases); at++) {
        struct message message = read_both_ways(gw_str_of(cases[at].text), false);

        if (message.outcome != MESSAGE_COMPLETE)
            fail_msg("refused: %s", cases[at].text);
        assert_int_equal(message.status, cases[at].status);
        assert_int_equal(message.field_count, cases[at].field_count);
        assert_string_equal(message.body, cases[at].body);
        assert_int_equal(message.used_bytes, strlen(cases[at].text));
    }
}

static void test_refused(void **state)
{
    static const struct gw_str cases[] = {
        GW_STR_INIT("HTTP/1.2 200 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/0.9 200 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/2 200 OK\r\n\r\n"),
        GW_STR_INIT("http/1.1 200 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1  200 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1\t200 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 20 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 2000 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 099 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 600 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 200\tOK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 200 O\0K\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 200 O\rK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 +20 OK\r\n\r\n"),
        GW_STR_INIT("\r\nHTTP/1.1 200 OK\r\n\r\n"),
        GW_STR_INIT(" HTTP/1.1 200 OK\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 200 OK\n\r\n"),
        GW_STR_INIT("HTTP/1.1 200 OK\r\n\n"),
        GW_STR_INIT(OK "A: b\n\r\n"),
        GW_STR_INIT(OK "A: b\r\r\n\r\n"),
        GW_STR_INIT(OK "A : b\r\n\r\n"),
        GW_STR_INIT(OK ": b\r\n\r\n"),
        GW_STR_INIT(OK "A\r\n\r\n"),
        GW_STR_INIT(OK "A b: c\r\n\r\n"),
        GW_STR_INIT(OK " A: b\r\n\r\n"),
        GW_STR_INIT(OK "A: b\r\n c\r\n\r\n"),
        GW_STR_INIT(OK "A: b\r\n\tc\r\n\r\n"),
        GW_STR_INIT(OK "A: b\0c\r\n\r\n"),
        GW_STR_INIT(OK "A: b\x01"
                       "c\r\n\r\n"),
        GW_STR_INIT(OK "A: b\x7f\r\n\r\n"),
        GW_STR_INIT(OK "A: 0123456789abcdef0123456789abcde\x1f\r\n\r\n"),
        GW_STR_INIT(OK "A\x80: b\r\n\r\n"),
        GW_STR_INIT(OK "A(: b\r\n\r\n"),
        GW_STR_INIT(OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
        GW_STR_INIT(OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
        GW_STR_INIT(OK "Content-Length: 1, 1\r\n\r\nx"),
        GW_STR_INIT(OK "Content-Length: +1\r\n\r\nx"),
        GW_STR_INIT(OK "Content-Length: -1\r\n\r\nx"),
        GW_STR_INIT(OK "Content-Length: 0x1\r\n\r\nx"),
        GW_STR_INIT(OK "Content-Length: 1 1\r\n\r\nx"),
        GW_STR_INIT(OK "Content-Length:\r\n\r\nx"),
        GW_STR_INIT(OK "Content-Length: 18446744073709551616\r\n\r\nx"),
        GW_STR_INIT(OK "Content-Length: 9223372036854775808\r\n\r\nx"),
        GW_STR_INIT(OK
                    "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        GW_STR_INIT(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT(OK "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT(OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT(OK "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT(OK "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT(OK "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT(OK "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 204 N\r\nContent-Length: 1\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 100 C\r\nContent-Length: 5\r\n\r\n"),
        GW_STR_INIT("HTTP/1.1 101 S\r\n\r\n"),
        GW_STR_INIT(OK "Connection: a b\r\n\r\n"),
        GW_STR_INIT(CHUNKED "\r\n"),
        GW_STR_INIT(CHUNKED ";a\r\n"),
        GW_STR_INIT(CHUNKED "g\r\n"),
        GW_STR_INIT(CHUNKED "0x1\r\na\r\n"),
        GW_STR_INIT(CHUNKED "+1\r\na\r\n"),
        GW_STR_INIT(CHUNKED "-1\r\na\r\n"),
        GW_STR_INIT(CHUNKED " 1\r\na\r\n"),
        GW_STR_INIT(CHUNKED "1 \r\na\r\n"),
        GW_STR_INIT(CHUNKED "1\na\r\n"),
        GW_STR_INIT(CHUNKED "1\r\na\n"),
        GW_STR_INIT(CHUNKED "1\r\nab"),
        GW_STR_INIT(CHUNKED "1;\r\na"),
        GW_STR_INIT(CHUNKED "1;a=\r\na"),
        GW_STR_INIT(CHUNKED "1; a\r\nx"),
        GW_STR_INIT(CHUNKED "1;a=\"b\r\n"),
        GW_STR_INIT(CHUNKED "1;a\nb\r\n"),
        GW_STR_INIT(CHUNKED "1;a=\"\x01\"\r\n"),
        GW_STR_INIT(CHUNKED "1;a\rb\r\n"),
        GW_STR_INIT(CHUNKED "00000000000000001\r\na"),
        GW_STR_INIT(CHUNKED "10000000000000000\r\na"),
        GW_STR_INIT(CHUNKED "0\r\nT : v\r\n\r\n"),
        GW_STR_INIT(CHUNKED "0\r\n T: v\r\n\r\n"),
        GW_STR_INIT(CHUNKED "0\r\nT: v\n\r\n"),
        GW_STR_INIT(CHUNKED "0\r\nT: \0\r\n\r\n"),
        GW_STR_INIT(CHUNKED "0\r\n\rX"),
        GW_STR_INIT(CHUNKED "0\r\n\n"),
        GW_STR_INIT(CHUNKED "0\r\nT\r\n\r\n"),
    };

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(cases); at++) {
        struct message message = read_both_ways(cases[at], false);

        if (message.outcome != MESSAGE_REFUSED)
            fail_msg("accepted (%d): %.*s", (int)message.outcome, GW_STR_ARG(cases[at]));
    }
}

static void test_incomplete(void **state)
{
    static const char whole[] = "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3;x\r\nabc\r\n0\r\nT: v\r\n\r\n";

    (void)state;
    for (size_t len = 0; len < sizeof(whole) - 1; len++)
        assert_int_equal(read_both_ways(gw_str_from(whole, len), false).outcome,
                         MESSAGE_INCOMPLETE);
    assert_int_equal(read_both_ways(gw_str_of(whole), false).outcome, MESSAGE_COMPLETE);
}

static void test_head_request_has_no_body(void **state)
{
    struct gw_str next = GW_STR(OK "Content-Length: 5\r\n\r\nHTTP/1.1 ...");
    struct message message = read_both_ways(next, true);

    (void)state;
    assert_int_equal(message.outcome, MESSAGE_COMPLETE);
    assert_int_equal(message.used_bytes, next.len - strlen("HTTP/1.1 ..."));
}

static void test_persistence(void **state)
{
    static const struct {
        const char *head;
        bool is_persistent;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nConnection: CLOSE\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nConnection: keep-alive, , close\r\n\r\n", false},
        {"HTTP/1.0 200 OK\r\n\r\n", false},
        {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
    };

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(cases); at++)
        assert_int_equal(read_both_ways(gw_str_of(cases[at].head), true).is_persistent,
                         cases[at].is_persistent);
}

static void append_fields(struct gw_buf *text, unsigned count)
{
    gw_buf_append_text(text, OK);
    for (unsigned at = 0; at < count; at++)
        gw_buf_append_text(text, "A: b\r\n");
    gw_buf_append_text(text, "\r\n");
}

static void test_bounds(void **state)
{
    struct gw_buf text;

    (void)state;
    gw_buf_init(&text, 1 << 20);
    append_fields(&text, GW_HTTP_MAX_FIELDS);
    assert_int_equal(read_both_ways(gw_buf_str(&text), true).outcome, MESSAGE_COMPLETE);
    gw_buf_clear(&text);
    append_fields(&text, GW_HTTP_MAX_FIELDS + 1);
    assert_int_equal(read_both_ways(gw_buf_str(&text), true).outcome, MESSAGE_TOO_LARGE);

    for (size_t over = 0; over < 2; over++) {
        gw_buf_clear(&text);
        gw_buf_append_text(&text, OK "A: ");
        while (text.len + 4 < GW_HTTP_MAX_HEAD_BYTES + over)
            gw_buf_append_byte(&text, 'x');
        gw_buf_append_text(&text, "\r\n\r\n");
        assert_int_equal(read_both_ways(gw_buf_str(&text), true).outcome,
                         over ? MESSAGE_TOO_LARGE : MESSAGE_COMPLETE);
    }

    gw_buf_clear(&text);
    gw_buf_append_text(&text, CHUNKED "1;");
    for (int at = 0; at < GW_HTTP_MAX_CHUNK_LINE_BYTES; at++)
        gw_buf_append_byte(&text, 'x');
    assert_int_equal(read_both_ways(gw_buf_str(&text), false).outcome, MESSAGE_REFUSED);

    gw_buf_clear(&text);
    gw_buf_append_text(&text, CHUNKED "0\r\n");
    for (int at = 0; at < GW_HTTP_MAX_TRAILER_BYTES / 6 + 1; at++)
        gw_buf_append_text(&text, "A: b\r\n");
    assert_int_equal(read_both_ways(gw_buf_str(&text), false).outcome, MESSAGE_REFUSED);
    gw_buf_finish(&text);
}

/* --- vectors that others wrote --- */

static size_t decode_base64(const char *text, char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned held = 0;
    size_t len = 0;

    for (; *text != '\0' && *text != '='; text++) {
        bits = bits << 6 | (uint32_t)(strchr(alphabet, *text) - alphabet);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[len++] = (char)(bits >> held);
        }
    }
    return len;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* One that stands for a refusal must be refused, or be so short that nothing is decided yet; what
 * comes after a closed connection is never read as an answer. */
static void check_vector(const json_t *vector)
{
    static char raw[65536];
    struct gw_str input = {raw, decode_base64(text_of(vector, "raw_b64"), raw)};
    struct message message = read_both_ways(input, false);
    bool has_excess = message.outcome == MESSAGE_COMPLETE && !message.is_persistent &&
                      message.used_bytes < input.len;

    if (strcmp(text_of(vector, "outcome"), "reject") == 0 && message.outcome == MESSAGE_COMPLETE &&
        !has_excess)
        fail_msg("accepted: %s: %s", text_of(vector, "section"), text_of(vector, "title"));
    if (strcmp(text_of(vector, "outcome"), "accept") == 0 && message.outcome != MESSAGE_COMPLETE)
        print_message("stricter than the vectors: %s %s\n", text_of(vector, "section"),
                      text_of(vector, "title"));
}

static void test_vectors(void **state)
{
    const char *suites = getenv("MILLGATE_SUITES");
    char path[4096];
    json_error_t error;
    size_t at, count = 0;
    json_t *vector;

    (void)state;
    snprintf(path, sizeof(path), "%s/http1-vectors/llhttp.hand.json",
             suites != NULL ? suites : "../shared/suites");
    json_t *file = json_load_file(path, 0, &error);
    if (file == NULL) {
        print_message("absent, skipped: %s\n", path);
        skip();
    }
    json_array_foreach(json_object_get(file, "cases"), at, vector)
    {
        if (strcmp(text_of(vector, "type"), "response") != 0)
            continue;
        check_vector(vector);
        count++;
    }
    assert_true(count > 0);
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_incomplete),  cmocka_unit_test(test_head_request_has_no_body),
        cmocka_unit_test(test_persistence), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
