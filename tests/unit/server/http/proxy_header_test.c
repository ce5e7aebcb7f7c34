#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/http/proxy_header.h"

#define START "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\x00\x02\x07\x0a\x00\x00\x01\x04\xd2\x01\xbb"
#define V6                                                             \
    "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" \
    "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" \
    "\x04\xd2\x01\xbb"

/* In a block of its own, so that ASan sees a read past the end. */
static int read_exactly(struct gw_str bytes, struct gw_proxy_header *out_header)
{
    char *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    assert_non_null(copy);
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    int rc = gw_proxy_header_read(gw_str_from(copy, bytes.len), out_header);
    free(copy);
    return rc;
}

static const struct {
    struct gw_str bytes;
    const char *source; /* "": none is told */
} good[] = {
    {GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 1234 443\r\n"), "192.0.2.7:1234"},
    {GW_STR_INIT("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), "0.0.0.0:0"},
    {GW_STR_INIT("PROXY TCP6 2001:db8::7 2001:db8::1 1234 443\r\n"), "[2001:db8::7]:1234"},
    {GW_STR_INIT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {GW_STR_INIT("PROXY UNKNOWN\r\n"), ""},
    {GW_STR_INIT("PROXY UNKNOWN ffff::1 anything at all, \x01\x80 too\r\n"), ""},
    {GW_STR_INIT(START "\x21\x11\x00\x0c" V4), "192.0.2.7:1234"},
    {GW_STR_INIT(START "\x21\x12\x00\x0c" V4), "192.0.2.7:1234"},
    {GW_STR_INIT(START "\x21\x21\x00\x24" V6), "[2001:db8::7]:1234"},
    {GW_STR_INIT(START "\x21\x22\x00\x24" V6), "[2001:db8::7]:1234"},
    {GW_STR_INIT(START "\x21\x11\x00\x12" V4 "\x04\x00\x00\xea\x00\x00"), "192.0.2.7:1234"},
    {GW_STR_INIT(START "\x21\x11\x00\x11" V4 "\x02\x00\x02h2"), "192.0.2.7:1234"},
    {GW_STR_INIT(START "\x20\x00\x00\x00"), ""},
    {GW_STR_INIT(START "\x20\x11\x00\x0c" V4), ""},
    {GW_STR_INIT(START "\x20\xff\x00\x03"
                       "\x01\x02\x03"),
     ""},
    {GW_STR_INIT(START "\x21\x00\x00\x00"), ""},
    {GW_STR_INIT(START "\x21\x00\x00\x05"
                       "12345"),
     ""},
};

static void assert_source(const struct gw_proxy_header *header, const char *expected)
{
    char text[GW_ADDRESS_TEXT_BYTES];

    assert_int_equal(header->has_source, expected[0] != '\0');
    if (!header->has_source)
        return;
    gw_address_format(&header->source.any, text);
    assert_string_equal(text, expected);
    assert_int_equal(header->source.len, header->source.any.sa_family == AF_INET
                                             ? sizeof(struct sockaddr_in)
                                             : sizeof(struct sockaddr_in6));
}

static void headers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(good); i++) {
        struct gw_proxy_header header;

        assert_int_equal(read_exactly(good[i].bytes, &header), good[i].bytes.len);
        assert_source(&header, good[i].source);
    }
}

static void what_is_behind_them_is_left_alone(void **state)
{
    char bytes[GW_PROXY_HEADER_MAX_BYTES + 64];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(good); i++) {
        static const char *const more[] = {"\r\n", "\n", "GET / HTTP/1.1\r\n\r\n", "PROXY TCP4"};
        for (size_t j = 0; j < GW_COUNT_OF(more); j++) {
            struct gw_proxy_header header;
            size_t len = good[i].bytes.len;
            memcpy(bytes, good[i].bytes.ptr, len);
            memcpy(bytes + len, more[j], strlen(more[j]));
            assert_int_equal(read_exactly(gw_str_from(bytes, len + strlen(more[j])), &header), len);
            assert_source(&header, good[i].source);
        }
    }
}

static void a_part_asks_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(good); i++) {
        for (size_t len = 0; len < good[i].bytes.len; len++) {
            struct gw_proxy_header header = {.source.len = 77};

            if (read_exactly(gw_str_from(good[i].bytes.ptr, len), &header) != 0)
                fail_msg("the first %zu bytes of header %zu", len, i);
            assert_int_equal(header.source.len, 77);
        }
    }
}

static void anything_else_is_refused(void **state)
{
    static const struct gw_str bad[] = {
        GW_STR_INIT("GET / HTTP/1.1\r\n"),
        GW_STR_INIT("\x16\x03\x01"),
        GW_STR_INIT(" PROXY"),
        GW_STR_INIT("proxy TCP4 192.0.2.7 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY\r\n"),
        GW_STR_INIT("PROXY \r\n"),
        GW_STR_INIT("PROXYTCP4"),
        GW_STR_INIT("PROXY  TCP4 192.0.2.7 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4  192.0.2.7 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 1234 443 \r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 1234 443 1\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 1234\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 1234 443\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 1234 443\r\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1\r1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7\t10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.07 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.256 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 2001:db8::7 2001:db8::1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 2001:db8::1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP6 192.0.2.7 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP6 2001:db8::7%eth0 2001:db8::1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP6 [2001:db8::7] 2001:db8::1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 1234 99999999999999999999\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 01234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 +1234 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7 10.0.0.1 -1 443\r\n"),
        GW_STR_INIT("PROXY TCP4 192.0.2.7\0 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY TCP5 192.0.2.7 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY UDP4 192.0.2.7 10.0.0.1 1234 443\r\n"),
        GW_STR_INIT("PROXY UNKNOWNS\r\n"),
        GW_STR_INIT("PROXY UNKNOWN\n"),
        GW_STR_INIT("\r\n\r\nGET"),
        GW_STR_INIT("\r\n\r\n\0\r\nQUIT\r"),
        GW_STR_INIT(START "\x11"),
        GW_STR_INIT(START "\x22"),
        GW_STR_INIT(START "\x01"),
        GW_STR_INIT(START "\x21\x10"),
        GW_STR_INIT(START "\x21\x13"),
        GW_STR_INIT(START "\x21\x01"),
        GW_STR_INIT(START "\x21\x31"), /* a unix socket */
        GW_STR_INIT(START "\x21\x41"),
        GW_STR_INIT(START "\x21\x11\x02\x01"),
        GW_STR_INIT(START "\x20\x00\xff\xff"),
        GW_STR_INIT(START "\x21\x11\x00\x00"),
        GW_STR_INIT(START "\x21\x11\x00\x0b\xc0\x00\x02\x07\x0a\x00\x00\x01\x04\xd2\x01"),
        GW_STR_INIT(START "\x21\x21\x00\x0c" V4),
        GW_STR_INIT(START "\x21\x11\x00\x0d" V4 "\x04"),
        GW_STR_INIT(START "\x21\x11\x00\x0e" V4 "\x04\x00"),
        GW_STR_INIT(START "\x21\x11\x00\x0f" V4 "\x04\x00\x01"),
        GW_STR_INIT(START "\x21\x11\x00\x12" V4 "\x03\x00\x03"
                          "abc"),
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++) {
        struct gw_proxy_header header = {.source.len = 77};

        if (read_exactly(bad[i], &header) != -EINVAL)
            fail_msg("number %zu is not refused: %s", i, bad[i].ptr);
        assert_int_equal(header.source.len, 77);
    }
}

static void lines_are_bounded(void **state)
{
    char line[GW_PROXY_V1_MAX_BYTES + 1];
    struct gw_proxy_header header;

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    assert_int_equal(read_exactly(gw_str_from(line, GW_PROXY_V1_MAX_BYTES - 1), &header), 0);
    assert_int_equal(read_exactly(gw_str_from(line, GW_PROXY_V1_MAX_BYTES), &header), -EINVAL);
    memcpy(line + GW_PROXY_V1_MAX_BYTES - 2, "\r\n", 2);
    assert_int_equal(read_exactly(gw_str_from(line, GW_PROXY_V1_MAX_BYTES), &header),
                     GW_PROXY_V1_MAX_BYTES);
    memcpy(line + GW_PROXY_V1_MAX_BYTES - 2, "x\r\n", 3);
    assert_int_equal(read_exactly(gw_str_from(line, GW_PROXY_V1_MAX_BYTES + 1), &header), -EINVAL);
}

static void blocks_are_bounded(void **state)
{
    char bytes[GW_PROXY_HEADER_MAX_BYTES] = START "\x21\x11\x02\x00" V4;
    struct gw_proxy_header header;
    size_t at = GW_PROXY_V2_HEAD_BYTES + 12;
    size_t rest = sizeof(bytes) - at - 3;

    (void)state;
    bytes[at] = 0x04;
    bytes[at + 1] = (char)(rest >> 8);
    bytes[at + 2] = (char)(rest & 0xff);
    assert_int_equal(read_exactly(gw_str_from(bytes, sizeof(bytes) - 1), &header), 0);
    assert_int_equal(read_exactly(gw_str_from(bytes, sizeof(bytes)), &header), sizeof(bytes));
    assert_source(&header, "192.0.2.7:1234");
}

/* An implementation of its own, most significant bit first over reflected bytes. */
static uint32_t reflect(uint32_t value, unsigned bits)
{
    uint32_t result = 0;
    for (unsigned i = 0; i < bits; i++)
        result |= (value >> i & 1) << (bits - 1 - i);
    return result;
}

static uint32_t other_crc32c(const char *bytes, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= reflect((uint8_t)bytes[i], 8) << 24;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ (crc >> 31 != 0 ? UINT32_C(0x1edc6f41) : 0);
    }
    return reflect(~crc, 32);
}

static void a_checksum_must_be_right(void **state)
{
    char bytes[] = START "\x21\x11\x00\x17" V4 "\x03\x00\x04\0\0\0\0"
                         "\x04\x00\x01x";
    size_t len = sizeof(bytes) - 1, crc_at = GW_PROXY_V2_HEAD_BYTES + 12 + 3;
    struct gw_proxy_header header;

    (void)state;
    assert_int_equal(other_crc32c("123456789", 9), 0xe3069283); /* the catalogues' check value */
    uint32_t crc = other_crc32c(bytes, len);
    for (unsigned i = 0; i < 4; i++)
        bytes[crc_at + i] = (char)(crc >> (24 - 8 * i));
    assert_int_equal(read_exactly(gw_str_from(bytes, len), &header), len);
    assert_source(&header, "192.0.2.7:1234");
    for (size_t at = GW_PROXY_V2_HEAD_BYTES; at < len; at++) {
        bytes[at] ^= 0x10;
        if (at < crc_at - 3 || at >= crc_at) /* the type itself may become another's */
            assert_int_equal(read_exactly(gw_str_from(bytes, len), &header), -EINVAL);
        bytes[at] ^= 0x10;
    }
}

static void two_checksums_are_refused(void **state)
{
    static const char bytes[] =
        START "\x21\x11\x00\x1a" V4 "\x03\x00\x04\0\0\0\0\x03\x00\x04\0\0\0\0";
    struct gw_proxy_header header;

    (void)state;
    assert_int_equal(read_exactly(gw_str_from(bytes, sizeof(bytes) - 1), &header), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(what_is_behind_them_is_left_alone),
        cmocka_unit_test(a_part_asks_for_more),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(blocks_are_bounded),
        cmocka_unit_test(a_checksum_must_be_right),
        cmocka_unit_test(two_checksums_are_refused),
    };
    return cmocka_run_group_tests_name("proxy_header", tests, NULL, NULL);
}
