#include "server/crypto/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "server/core/log.h"
#include "server/crypto/random.h"

static const struct {
    const char *name;
    size_t bytes;
} kinds[GW_DIGEST_COUNT] = {
    [GW_SHA1] = {"SHA1", 20},
    [GW_SHA256] = {"SHA2-256", 32},
    [GW_SHA384] = {"SHA2-384", 48},
    [GW_SHA512] = {"SHA2-512", 64},
};

/* Fetched once and constant from then on: looking an algorithm up by name costs more than hashing a
 * token does. */
static EVP_MD *fetched[GW_DIGEST_COUNT];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch_all(void)
{
    for (int i = 0; i < GW_DIGEST_COUNT; i++)
        fetched[i] = EVP_MD_fetch(NULL, kinds[i].name, NULL);
}

size_t gw_digest_bytes(enum gw_digest digest)
{
    return kinds[digest].bytes;
}

const char *gw_digest_name(enum gw_digest digest)
{
    return kinds[digest].name;
}

/* A digester is OpenSSL's state by another name: nothing else is needed. */
static EVP_MD_CTX *state_of(struct gw_digester *digester)
{
    return (EVP_MD_CTX *)(void *)digester;
}

struct gw_digester *gw_digester_create(void)
{
    return (struct gw_digester *)(void *)EVP_MD_CTX_new();
}

void gw_digester_destroy(struct gw_digester *digester)
{
    EVP_MD_CTX_free(state_of(digester));
}

void gw_digester_compute(struct gw_digester *digester, enum gw_digest digest, struct gw_str text,
                         uint8_t *out)
{
    EVP_MD_CTX *state = state_of(digester);

    pthread_once(&fetch_once, fetch_all);
    if (state == NULL || fetched[digest] == NULL ||
        EVP_DigestInit_ex2(state, fetched[digest], NULL) != 1 ||
        EVP_DigestUpdate(state, text.ptr, text.len) != 1 ||
        EVP_DigestFinal_ex(state, out, NULL) != 1) {
        gw_log_error("%s cannot be computed", kinds[digest].name);
        abort();
    }
}

void gw_digest_compute(enum gw_digest digest, struct gw_str text, uint8_t *out)
{
    struct gw_digester *digester = gw_digester_create();

    gw_digester_compute(digester, digest, text, out);
    gw_digester_destroy(digester);
}

void gw_digest_hex(enum gw_digest digest, struct gw_str text, char *out)
{
    uint8_t bytes[GW_DIGEST_MAX_BYTES];

    gw_digest_compute(digest, text, bytes);
    gw_hex_encode(bytes, kinds[digest].bytes, out);
}
