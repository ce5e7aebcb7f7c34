/* WebSocket (RFC 6455) as far as one who passes it on must know it: the handshake, and where in the
 * stream a frame ends. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/str.h"

struct gw_request;

/* --- the handshake (section 4) --- */

#define GW_WEBSOCKET_KEY_LEN 24
#define GW_WEBSOCKET_ACCEPT_LEN 28

/* Whether the request asks for the protocol: a GET whose Upgrade names it and whose Connection
 * names Upgrade. The rest of the handshake may still be wrong. */
bool gw_websocket_is_asked(const struct gw_request *request);

enum gw_websocket_flaw {
    GW_WEBSOCKET_GOOD,
    GW_WEBSOCKET_BAD_KEY,
    GW_WEBSOCKET_BAD_VERSION, /* other than 13: to be answered 426 (section 4.4) */
};

/* Checks the rest. On GOOD, *out_key is the request's Sec-WebSocket-Key. */
enum gw_websocket_flaw gw_websocket_check(const struct gw_request *request, struct gw_str *out_key);

/* The Sec-WebSocket-Accept that answers a key; a NUL follows. */
void gw_websocket_accept(struct gw_str key, char out[GW_WEBSOCKET_ACCEPT_LEN + 1]);

/* A Sec-WebSocket-Key of 16 random bytes; a NUL follows. */
void gw_websocket_make_key(char out[GW_WEBSOCKET_KEY_LEN + 1]);

/* --- frames (section 5.2) --- */

/* One direction of a stream. All zeroes is its start. */
struct gw_websocket_frames {
    uint64_t payload_left;
    uint8_t head[14];
    uint8_t head_len; /* of the frame that has begun */
    bool is_in_payload;
};

/* Follows the stream to the end of the first frame that ends in `bytes`, or to their end. Returns
 * how many bytes that is. */
size_t gw_websocket_frames_follow(struct gw_websocket_frames *frames, struct gw_str bytes);

/* Between two frames, where one of ours may stand. */
bool gw_websocket_frames_is_between(const struct gw_websocket_frames *frames);

#define GW_WEBSOCKET_CLOSE_BYTES 4

/* A server's Close frame with that status code (sections 5.5.1 and 7.4). */
void gw_websocket_write_close(uint16_t code, uint8_t out[GW_WEBSOCKET_CLOSE_BYTES]);
