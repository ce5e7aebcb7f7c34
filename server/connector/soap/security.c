#include "server/connector/soap/security.h"

#include <stdio.h>
#include <time.h>

#include "server/connector/soap/text.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/crypto/base64.h"
#include "server/crypto/digest.h"
#include "server/crypto/random.h"

#define WSU "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
#define PROFILE "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
#define BASE64                                \
    "http://docs.oasis-open.org/wss/2004/01/" \
    "oasis-200401-wss-soap-message-security-1.0#Base64Binary"
#define VALID_NS (300 * GW_NS_PER_SECOND)
#define TIME_BYTES 40
#define SHA1_BYTES 20

/* An xsd:dateTime in UTC, with milliseconds. */
static void write_time(char out[TIME_BYTES], uint64_t at_ns)
{
    time_t seconds = (time_t)(at_ns / GW_NS_PER_SECOND);
    unsigned ms = (unsigned)(at_ns % GW_NS_PER_SECOND / GW_NS_PER_MS);
    struct tm tm = {0};
    size_t len =
        gmtime_r(&seconds, &tm) == NULL ? 0 : strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);

    snprintf(out + len, TIME_BYTES - len, ".%03uZ", ms % 1000);
}

static void write_timestamp(struct gw_buf *out, const char *created, uint64_t now_ns)
{
    char expires[TIME_BYTES];

    write_time(expires, now_ns + VALID_NS);
    gw_buf_printf(out,
                  "<wsu:Timestamp><wsu:Created>%s</wsu:Created><wsu:Expires>%s</wsu:Expires>"
                  "</wsu:Timestamp>",
                  created, expires);
}

static void write_digest(struct gw_buf *out, struct gw_str password, struct gw_str nonce,
                         struct gw_str created)
{
    uint8_t digest[SHA1_BYTES];
    struct gw_buf input;

    gw_buf_init(&input, nonce.len + created.len + password.len);
    gw_buf_append_str(&input, nonce);
    gw_buf_append_str(&input, created);
    gw_buf_append_str(&input, password);
    if (input.has_failed)
        out->has_failed = true; /* rather no message than one with a wrong digest */
    gw_digest_compute(GW_SHA1, gw_buf_str(&input), digest);
    if (input.len > 0)
        gw_secret_wipe(input.ptr, input.len);
    gw_buf_finish(&input);
    gw_base64_append(out, gw_str_from((const char *)digest, sizeof(digest)));
}

static void write_password(struct gw_buf *out, const struct soap_security *security,
                           struct gw_str nonce, struct gw_str created)
{
    gw_buf_printf(out, "<wsse:Password Type=\"" PROFILE "#%s\">",
                  security->is_digest ? "PasswordDigest" : "PasswordText");
    if (security->is_digest)
        write_digest(out, security->password, nonce, created);
    else
        soap_write_text(out, security->password);
    gw_buf_append_text(out, "</wsse:Password>");
}

static void write_token(struct gw_buf *out, const struct soap_security *security,
                        struct gw_str nonce, struct gw_str created)
{
    gw_buf_append_text(out, "<wsse:UsernameToken><wsse:Username>");
    soap_write_text(out, security->user);
    gw_buf_append_text(out, "</wsse:Username>");
    write_password(out, security, nonce, created);
    gw_buf_append_text(out, "<wsse:Nonce EncodingType=\"" BASE64 "\">");
    gw_base64_append(out, nonce);
    gw_buf_append_text(out, "</wsse:Nonce><wsu:Created>");
    gw_buf_append_str(out, created);
    gw_buf_append_text(out, "</wsu:Created></wsse:UsernameToken>");
}

void soap_security_write(struct gw_buf *out, const struct soap_security *security,
                         const uint8_t nonce[SOAP_NONCE_BYTES], uint64_t now_ns)
{
    char created[TIME_BYTES];

    if (security->user.len == 0 && !security->has_timestamp)
        return;
    write_time(created, now_ns);
    gw_buf_append_text(out, "<wsse:Security xmlns:wsse=\"" SOAP_WSSE "\" xmlns:wsu=\"" WSU
                            "\" soap:mustUnderstand=\"1\">");
    if (security->has_timestamp)
        write_timestamp(out, created, now_ns);
    if (security->user.len > 0)
        write_token(out, security, gw_str_from((const char *)nonce, SOAP_NONCE_BYTES),
                    gw_str_of(created));
    gw_buf_append_text(out, "</wsse:Security>");
}
