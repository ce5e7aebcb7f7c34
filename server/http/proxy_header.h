/* The PROXY protocol (HAProxy's proxy-protocol.txt), versions 1 and 2: what a balancer says, before
 * anything else, of the connection that it passes on. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/net/address.h"

#define GW_PROXY_V1_MAX_BYTES 107 /* with the line end (section 2.1) */
#define GW_PROXY_V2_HEAD_BYTES 16
#define GW_PROXY_V2_BLOCK_MAX_BYTES 512 /* ours: addresses and what else is told */
#define GW_PROXY_HEADER_MAX_BYTES (GW_PROXY_V2_HEAD_BYTES + GW_PROXY_V2_BLOCK_MAX_BYTES)

struct gw_proxy_header {
    bool has_source; /* not with LOCAL, UNKNOWN and UNSPEC: then the socket's own address counts */
    struct gw_address source;
};

/* Reads a header that begins at the first byte. Returns its length, and fills *out_header; 0 if
 * more bytes are needed: then all that are there belong to it, and they are fewer than
 * GW_PROXY_HEADER_MAX_BYTES; or -EINVAL: these bytes begin no header, or one that is malformed, too
 * long, of another family than IPv4 and IPv6, or whose CRC32C is wrong. */
GW_MUST_CHECK
int gw_proxy_header_read(struct gw_str bytes, struct gw_proxy_header *out_header);
