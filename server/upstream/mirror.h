/* Mirrors: a share of the reads is sent to a second backend as well, which nobody waits for; what
 * it says is compared with what the caller got, and counted. For trying out a new release with the
 * requests that there are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_backend;
struct gw_exchange;
struct gw_mirror;
struct gw_upstreams;

struct gw_mirror_rule {
    struct gw_str backend; /* its name; empty: there is no mirror */
    uint32_t percent;
    uint32_t max_body_bytes; /* longer answers are not compared */
};

enum gw_mirror_result {
    GW_MIRROR_SAME,
    GW_MIRROR_OTHER_STATUS,
    GW_MIRROR_OTHER_BODY,
    GW_MIRROR_FAILED,     /* the second backend gave no answer */
    GW_MIRROR_UNCOMPARED, /* too long, or the caller's answer was cut */
    GW_MIRROR_DROPPED,    /* too many were under way: it was not sent */
};
#define GW_MIRROR_RESULT_COUNT 6

/* Starts a copy of the exchange's request to backend->mirror, if its turn has come; NULL: none is
 * sent. What is returned is told of the caller's answer piece by piece, and ends with one of the
 * two functions below. */
struct gw_mirror *gw_mirror_start(const struct gw_backend *backend, struct gw_exchange *ex,
                                  struct gw_str path);
void gw_mirror_feed(struct gw_mirror *mirror, const char *bytes, size_t len);
/* The caller's answer is whole, or will not be. NULL is safe. */
void gw_mirror_end(struct gw_mirror *mirror, int status);
void gw_mirror_give_up(struct gw_mirror *mirror);

/* The worker ends: what still runs is dropped. */
void gw_mirror_cancel_all(struct gw_upstreams *upstreams);
