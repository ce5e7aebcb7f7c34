/* A certificate of any bytes: what is read of it holds no control and is where it says. */
#include <stdint.h>
#include <stdlib.h>

#include "server/crypto/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            abort();
    }
}

static void check_all(const struct gw_x509_names *names)
{
    if (names->count > GW_X509_MAX_NAMES)
        abort();
    for (size_t i = 0; i < names->count; i++)
        check(names->items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_arena arena;
    struct gw_x509 x509;

    gw_arena_init(&arena, 4096, 1 << 20);
    if (gw_x509_read(&arena, gw_str_from((const char *)bytes, len), &x509) == 0) {
        check(x509.subject);
        check(x509.common_name);
        check_all(&x509.dns);
        check_all(&x509.uris);
        check_all(&x509.emails);
    }
    gw_arena_finish(&arena);
    return 0;
}
