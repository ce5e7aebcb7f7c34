#include "server/crypto/x509.h"

#include <errno.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "server/core/scope.h"
#include "server/core/utf8.h"

/* RFC 4514, with text in UTF-8 as it is. Its escapes are those of RFC 2253. */
#define NAME_FLAGS (XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB)

static void scope_x509(X509 **certificate)
{
    X509_free(*certificate);
}

static void scope_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void scope_names(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

static void scope_text(unsigned char **text)
{
    OPENSSL_free(*text);
}

void gw_x509_thumbprint(struct gw_str der, uint8_t out[GW_SHA256_BYTES])
{
    gw_digest_compute(GW_SHA256, der, out);
}

/* --- texts ------------------------------------------------------------------------------------ */

static bool is_plain(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < 0x20 || byte == 0x7f)
            return false;
    }
    return gw_utf8_is_valid(text);
}

/* A string of ASN.1, whatever its kind, as UTF-8. */
static int copy_text(struct gw_arena *arena, const ASN1_STRING *from, struct gw_str *out_text)
{
    GW_SCOPED(scope_text) unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, from);

    if (len < 0 || !is_plain(gw_str_from((const char *)utf8, (size_t)len)))
        return -EINVAL;
    *out_text = gw_arena_copy(arena, gw_str_from((const char *)utf8, (size_t)len));
    return out_text->ptr == NULL ? -ENOMEM : 0;
}

/* A parser of another program might end a name at a NUL, or take a line for two. */
static int check_entries(const X509_NAME *name)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        GW_SCOPED(scope_text) unsigned char *utf8 = NULL;
        int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
        if (len < 0 || !is_plain(gw_str_from((const char *)utf8, (size_t)len)))
            return -EINVAL;
    }
    return 0;
}

static int read_subject(struct gw_arena *arena, const X509_NAME *name, struct gw_x509 *out)
{
    GW_SCOPED(scope_bio) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (bio == NULL)
        return -ENOMEM;
    if (check_entries(name) != 0)
        return -EINVAL;
    if (X509_NAME_print_ex(bio, name, 0, NAME_FLAGS) < 0)
        return -EINVAL;
    long len = BIO_get_mem_data(bio, &text);
    out->subject = gw_arena_copy(arena, gw_str_from(text, len < 0 ? 0 : (size_t)len));
    return out->subject.ptr == NULL ? -ENOMEM : 0;
}

static int read_common_name(struct gw_arena *arena, const X509_NAME *name, struct gw_x509 *out)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
        return 0;
    return copy_text(arena, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)),
                     &out->common_name);
}

/* --- alternative names ------------------------------------------------------------------------ */

static void to_lower(struct gw_str text)
{
    char *bytes = (char *)(uintptr_t)text.ptr; /* our own copy */

    for (size_t i = 0; i < text.len; i++) {
        if (bytes[i] >= 'A' && bytes[i] <= 'Z')
            bytes[i] = (char)(bytes[i] | 0x20);
    }
}

static int add_name(struct gw_arena *arena, struct gw_x509_names *names, const ASN1_STRING *text)
{
    if (names->count == GW_X509_MAX_NAMES)
        return -EINVAL;
    struct gw_str *items = (struct gw_str *)(uintptr_t)names->items;
    int rc = copy_text(arena, text, &items[names->count]);

    names->count += rc == 0;
    return rc;
}

static int read_general_name(struct gw_arena *arena, const GENERAL_NAME *name, struct gw_x509 *out)
{
    switch (name->type) {
    case GEN_DNS: {
        int rc = add_name(arena, &out->dns, name->d.dNSName);
        if (rc == 0)
            to_lower(out->dns.items[out->dns.count - 1]);
        return rc;
    }
    case GEN_URI:
        return add_name(arena, &out->uris, name->d.uniformResourceIdentifier);
    case GEN_EMAIL:
        return add_name(arena, &out->emails, name->d.rfc822Name);
    default:
        return 0;
    }
}

static int read_alternative_names(struct gw_arena *arena, X509 *certificate, struct gw_x509 *out)
{
    int status;
    GW_SCOPED(scope_names)
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &status, NULL);

    if (names == NULL)
        return status == -1 ? 0 : -EINVAL; /* there is none; or two, or one that cannot be read */
    struct gw_x509_names *kinds[] = {&out->dns, &out->uris, &out->emails};
    for (size_t i = 0; i < GW_COUNT_OF(kinds); i++) {
        kinds[i]->items = gw_arena_calloc(arena, GW_X509_MAX_NAMES, sizeof(struct gw_str));
        if (kinds[i]->items == NULL)
            return -ENOMEM;
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int rc = read_general_name(arena, sk_GENERAL_NAME_value(names, i), out);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- validity --------------------------------------------------------------------------------- */

static void scope_free_time(ASN1_TIME **time)
{
    ASN1_TIME_free(*time);
}

static int read_time(const ASN1_TIME *from, int64_t *out_s)
{
    GW_SCOPED(scope_free_time) ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days, seconds;

    if (epoch == NULL)
        return -ENOMEM;
    if (ASN1_TIME_diff(&days, &seconds, epoch, from) != 1)
        return -EINVAL;
    *out_s = (int64_t)days * 86400 + seconds;
    return 0;
}

static int fill(struct gw_arena *arena, X509 *certificate, struct gw_x509 *out)
{
    const X509_NAME *name = X509_get_subject_name(certificate);
    int rc = read_subject(arena, name, out);

    if (rc == 0)
        rc = read_common_name(arena, name, out);
    if (rc == 0)
        rc = read_alternative_names(arena, certificate, out);
    if (rc == 0)
        rc = read_time(X509_get0_notBefore(certificate), &out->not_before_s);
    if (rc == 0)
        rc = read_time(X509_get0_notAfter(certificate), &out->not_after_s);
    return rc;
}

int gw_x509_read(struct gw_arena *arena, struct gw_str der, struct gw_x509 *out_x509)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    struct gw_x509 x509 = {0};

    if (der.len == 0 || der.len > GW_X509_MAX_BYTES)
        return -EINVAL;
    GW_SCOPED(scope_x509) X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
    int rc = -EINVAL;
    if (certificate != NULL && at == (const unsigned char *)der.ptr + der.len)
        rc = fill(arena, certificate, &x509);
    ERR_clear_error();
    if (rc != 0)
        return rc;
    gw_x509_thumbprint(der, x509.thumbprint);
    *out_x509 = x509;
    return 0;
}
