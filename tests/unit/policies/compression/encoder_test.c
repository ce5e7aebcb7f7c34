#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "policies/compression/encoder.h"

#define TEXT_BYTES (300 * 1024)

static char text[TEXT_BYTES], coded[TEXT_BYTES * 2], decoded[TEXT_BYTES + 1];

/* Decodes what is there of a stream; it may be unfinished. */
static size_t decode(enum coding coding, size_t len)
{
    if (coding == CODING_ZSTD) {
        ZSTD_DCtx *context = ZSTD_createDCtx();
        ZSTD_inBuffer from = {coded, len, 0};
        ZSTD_outBuffer to = {decoded, sizeof(decoded), 0};
        size_t rc = 1;
        while (from.pos < from.size && !ZSTD_isError(rc))
            rc = ZSTD_decompressStream(context, &to, &from);
        assert_false(ZSTD_isError(rc));
        ZSTD_freeDCtx(context);
        return to.pos;
    }
    z_stream stream = {0};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (Bytef *)coded;
    stream.avail_in = (uInt)len;
    stream.next_out = (Bytef *)decoded;
    stream.avail_out = sizeof(decoded);
    int rc = inflate(&stream, Z_SYNC_FLUSH);
    assert_true(rc == Z_OK || rc == Z_STREAM_END);
    size_t bytes = stream.total_out;
    (void)inflateEnd(&stream);
    return bytes;
}

/* Runs one step to its end through windows of `room` bytes. */
static size_t run(struct encoder *encoder, enum encoder_step step, struct gw_str in, size_t at,
                  size_t room)
{
    bool is_done = false;

    while (!is_done) {
        ssize_t count = encoder_run(encoder, step, &in, coded + at, room, &is_done);
        assert_true(count >= 0 && (size_t)count <= room);
        at += (size_t)count;
        assert_true(at + room <= sizeof(coded));
    }
    return at;
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    static const size_t pieces[] = {1000, 16 * 1024, TEXT_BYTES};
    static const size_t rooms[] = {64, 4096, 32768};

    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)(i % 7 == 0 ? rand() & 0x7f : 'a' + (int)(i % 13));
    for (enum coding coding = CODING_GZIP; coding < CODING_COUNT; coding++) {
        struct encoder *encoder = encoder_create(coding, 3);
        assert_non_null(encoder);
        for (size_t p = 0; p < GW_COUNT_OF(pieces) * GW_COUNT_OF(rooms); p++) {
            size_t piece = pieces[p / 3], room = rooms[p % 3], len = 0;
            for (size_t at = 0; at < TEXT_BYTES; at += piece) {
                size_t bytes = TEXT_BYTES - at < piece ? TEXT_BYTES - at : piece;
                len = run(encoder, ENCODER_MORE, gw_str_from(text + at, bytes), len, room);
            }
            len = run(encoder, ENCODER_END, GW_STR(""), len, room);
            assert_true(len < TEXT_BYTES);
            assert_int_equal(decode(coding, len), TEXT_BYTES);
            assert_memory_equal(decoded, text, TEXT_BYTES);
            assert_true(encoder_reset(encoder));
        }
        encoder_destroy(encoder);
    }
    encoder_destroy(NULL);
}

static void a_flush_gives_out_all(void **state)
{
    (void)state;
    for (enum coding coding = CODING_GZIP; coding < CODING_COUNT; coding++) {
        struct encoder *encoder = encoder_create(coding, 3);
        size_t len = 0;
        for (size_t at = 0; at < 5000; at += 100) {
            len = run(encoder, ENCODER_MORE, gw_str_from(text + at, 100), len, 1024);
            len = run(encoder, ENCODER_FLUSH, GW_STR(""), len, 1024);
            assert_int_equal(decode(coding, len), at + 100);
        }
        encoder_destroy(encoder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(a_flush_gives_out_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
