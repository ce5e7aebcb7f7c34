#include "server/crypto/public_key.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "server/crypto/signature.h"

#define ED25519_BYTES 32

int gw_public_key_from_pem(struct gw_str pem, struct gw_verify_key **out_key)
{
    BIO *bio = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    unsigned char bytes[ED25519_BYTES];
    size_t len = sizeof(bytes);
    int rc = -EINVAL;

    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 &&
        EVP_PKEY_get_raw_public_key(key, bytes, &len) == 1)
        rc = gw_verify_key_from_ed25519(gw_str_from((const char *)bytes, len), out_key);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return rc;
}
