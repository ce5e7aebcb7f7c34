#include "server/crypto/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "server/core/log.h"

#define PIECE_BYTES 64

void gw_random_bytes(void *out, size_t bytes)
{
    if (RAND_bytes_ex(NULL, out, bytes, 0) != 1) {
        gw_log_error("the system gives no random bytes");
        abort();
    }
}

void gw_hex_encode(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

void gw_random_hex(char *out, size_t bytes)
{
    uint8_t piece[PIECE_BYTES];

    *out = '\0';
    while (bytes > 0) {
        size_t len = bytes < sizeof(piece) ? bytes : sizeof(piece);

        gw_random_bytes(piece, len);
        gw_hex_encode(piece, len, out);
        out += 2 * len;
        bytes -= len;
    }
    gw_secret_wipe(piece, sizeof(piece));
}

bool gw_secret_equal(struct gw_str a, struct gw_str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

void gw_secret_wipe(void *bytes, size_t len)
{
    OPENSSL_cleanse(bytes, len);
}
