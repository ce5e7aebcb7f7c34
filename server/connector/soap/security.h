/* WS-Security: the user name token (OASIS UsernameToken Profile 1.1.1), and a time stamp.
 * Private to connector/soap. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/str.h"

struct gw_buf;

#define SOAP_WSSE \
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
#define SOAP_NONCE_BYTES 16

struct soap_security {
    struct gw_str user, password; /* user empty: no token */
    bool is_digest;               /* of the password, with nonce and time; else as text */
    bool has_timestamp;           /* valid for 5 minutes */
};

/* Appends the header element, or nothing. `nonce` must never have been used; `now_ns` is
 * CLOCK_REALTIME. */
void soap_security_write(struct gw_buf *out, const struct soap_security *security,
                         const uint8_t nonce[SOAP_NONCE_BYTES], uint64_t now_ns);
