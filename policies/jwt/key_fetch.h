/* One fetch of an issuer's key set over the network, with the discovery before it if there is to be
 * one. At most 256 KiB a document, 5 s in all, no redirects.
 *
 * Says what came, and judges only what it needs to go on; what the keys are worth is for
 * key_source.h. One at a time, on its worker's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policies/jwt/discovery.h"
#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/net/http_client.h"

#define KEY_FETCH_MAX_BYTES DISCOVERY_MAX_BYTES
#define KEY_FETCH_NS UINT64_C(5000000000)
#define KEY_FETCH_MAX_ETAG_BYTES 256

struct gw_worker;

/* What is fetched, and how: set by the owner, unchanged while it lives. */
struct key_fetch_place {
    struct gw_str issuer;   /* asked for its metadata, if jwks_uri is empty */
    struct gw_str jwks_uri; /* else empty */
    struct gw_str ca_pem;   /* trusted instead of the system's authorities; may be empty */
    bool allows_http;
};

enum key_fetch_outcome {
    KEY_FETCH_SET,       /* `text` is the set */
    KEY_FETCH_UNCHANGED, /* 304 to our ETag */
    KEY_FETCH_FAILED,    /* `why` says so */
};

struct key_fetch_result {
    enum key_fetch_outcome outcome;
    struct gw_str text;     /* borrowed during the call */
    uint64_t fresh_seconds; /* or FRESHNESS_UNKNOWN */
    const char *why;
};

struct key_fetch {
    const struct key_fetch_place *place;
    struct gw_worker *worker;
    void (*on_done)(struct key_fetch *fetch, const struct key_fetch_result *result);
    struct gw_arena arena; /* of the metadata; holds jwks_uri */
    struct gw_str jwks_uri;
    uint64_t discovered_ns; /* when; 0: not yet, or to be asked again */
    char etag[KEY_FETCH_MAX_ETAG_BYTES];
    size_t etag_len; /* 0: none */

    /* --- of the fetch under way --- */
    enum { KEY_FETCH_IDLE, KEY_FETCH_OPENID, KEY_FETCH_OAUTH, KEY_FETCH_KEYS } stage;
    struct gw_http_call *call;
    struct gw_buf body;
    uint64_t deadline_ns;
    int status;
    uint64_t fresh_seconds;
};

/* `place` must outlive it. */
void key_fetch_init(struct key_fetch *fetch, const struct key_fetch_place *place,
                    struct gw_worker *worker,
                    void (*on_done)(struct key_fetch *fetch,
                                    const struct key_fetch_result *result));
/* Breaks off what is under way, without a call of on_done. */
void key_fetch_stop(struct key_fetch *fetch);
void key_fetch_finish(struct key_fetch *fetch);

static inline bool key_fetch_is_running(const struct key_fetch *fetch)
{
    return fetch->stage != KEY_FETCH_IDLE;
}

/* Starts; on_done will be called once, later. 0, or a negative errno with *error: it will not. */
GW_MUST_CHECK
int key_fetch_start(struct key_fetch *fetch, struct gw_error *error);

/* The set that came is of no use: it is not to be confirmed by its ETag, and where it was found is
 * looked up again. */
void key_fetch_forget(struct key_fetch *fetch);
