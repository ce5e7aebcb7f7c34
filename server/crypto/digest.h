/* SHA-1 and SHA-2 over one piece of memory.
 *
 * SHA-1 is here for formats that name it (a WebSocket handshake, Redis' script names), never to
 * protect anything. Any thread; a gw_digester has one owner. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

enum gw_digest { GW_SHA1, GW_SHA256, GW_SHA384, GW_SHA512, GW_DIGEST_COUNT };

#define GW_SHA256_BYTES 32
#define GW_DIGEST_MAX_BYTES 64

size_t gw_digest_bytes(enum gw_digest digest);

/* OpenSSL's name of it, "SHA2-256". */
const char *gw_digest_name(enum gw_digest digest);

/* Writes gw_digest_bytes(digest) bytes. Never fails: without memory, the process ends (what a
 * digest guards must not go on with a wrong one). */
void gw_digest_compute(enum gw_digest digest, struct gw_str text, uint8_t *out);

/* The same without taking memory at each call: for the request path. */
struct gw_digester;

GW_MUST_CHECK
struct gw_digester *gw_digester_create(void); /* NULL without memory */
void gw_digester_destroy(struct gw_digester *digester);
void gw_digester_compute(struct gw_digester *digester, enum gw_digest digest, struct gw_str text,
                         uint8_t *out);

/* The same as lower-case hexadecimal digits: 2 * gw_digest_bytes(digest), and a NUL. */
void gw_digest_hex(enum gw_digest digest, struct gw_str text, char *out);
