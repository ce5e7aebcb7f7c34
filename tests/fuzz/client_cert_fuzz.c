/* A Client-Cert field of any bytes: what is accepted has room, and stands for that text alone. */
#include <stdint.h>
#include <stdlib.h>

#include "server/http/client_cert_field.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_arena arena;
    struct gw_str der;

    gw_arena_init(&arena, 4096, 1 << 20);
    if (gw_client_cert_field_read(&arena, gw_str_from((const char *)bytes, len), &der) == 0) {
        volatile char sum = 0;
        for (size_t i = 0; i < der.len; i++)
            sum = (char)(sum + der.ptr[i]);
        if (der.len == 0 || der.len > GW_CLIENT_CERT_MAX_BYTES || der.len >= len)
            abort();
    }
    gw_arena_finish(&arena);
    return 0;
}
