#include "server/crypto/api_key.h"

#include <string.h>

#include "server/crypto/random.h"

#define PREFIX_LEN (sizeof(GW_API_KEY_PREFIX) - 1)
#define SECRET_BYTES 32
#define CHECK_LEN 8

static void compute_check(struct gw_str text, char out[CHECK_LEN])
{
    char digest[GW_API_KEY_DIGEST_LEN + 1];

    gw_digest_hex(GW_SHA256, text, digest);
    memcpy(out, digest, CHECK_LEN);
}

void gw_api_key_make(char out_key[GW_API_KEY_LEN + 1])
{
    char *at = out_key;

    memcpy(at, GW_API_KEY_PREFIX, PREFIX_LEN);
    at += PREFIX_LEN;
    gw_random_hex(at, GW_API_KEY_ID_LEN / 2);
    at += GW_API_KEY_ID_LEN;
    *at++ = '_';
    gw_random_hex(at, SECRET_BYTES);
    at += (size_t)2 * SECRET_BYTES;
    compute_check(gw_str_from(out_key, (size_t)(at - out_key)), at);
    at[CHECK_LEN] = '\0';
}

struct gw_str gw_api_key_id(const char *key)
{
    return gw_str_from(key + PREFIX_LEN, GW_API_KEY_ID_LEN);
}

bool gw_api_key_read(struct gw_str text, struct gw_str *out_id)
{
    char check[CHECK_LEN];

    if (text.len != GW_API_KEY_LEN || !gw_str_has_prefix(text, GW_STR(GW_API_KEY_PREFIX)) ||
        text.ptr[PREFIX_LEN + GW_API_KEY_ID_LEN] != '_')
        return false;
    for (size_t i = PREFIX_LEN; i < text.len; i++) {
        char c = text.ptr[i];
        if (i != PREFIX_LEN + GW_API_KEY_ID_LEN && !(c >= '0' && c <= '9') &&
            !(c >= 'a' && c <= 'f'))
            return false;
    }
    compute_check(gw_str_from(text.ptr, text.len - CHECK_LEN), check);
    if (memcmp(check, text.ptr + text.len - CHECK_LEN, CHECK_LEN) != 0)
        return false;
    *out_id = gw_api_key_id(text.ptr);
    return true;
}

void gw_api_key_digest(struct gw_str key, char out[GW_API_KEY_DIGEST_LEN + 1])
{
    gw_digest_hex(GW_SHA256, key, out);
}
