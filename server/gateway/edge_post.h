/* From an edge to the centre: one body at a time by POST, and what is answered.
 *
 * All on the loop's thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_edge_config;
struct gw_edge_post;
struct gw_http_client;

struct gw_edge_post_events {
    void *self;
    /* Any status; `answer` is borrowed, and NULL where the body is no JSON. */
    void (*on_answer)(void *self, int status, const json_t *answer);
    void (*on_failure)(void *self, const char *why);
};

/* The configuration, which has a centre, and the client are borrowed. */
GW_MUST_CHECK
int gw_edge_post_create(struct gw_http_client *http, const struct gw_edge_config *config,
                        const struct gw_edge_post_events *events, struct gw_edge_post **out_post,
                        struct gw_error *error);
/* Breaks off what is under way. NULL is safe. */
void gw_edge_post_destroy(struct gw_edge_post *post);

/* Sends gzip to `target`, behind the path of the centre's URL; the body stays until one of the
 * events, which come later. Nothing is under way. */
GW_MUST_CHECK
int gw_edge_post_send(struct gw_edge_post *post, struct gw_str target, struct gw_str body);

/* "403: The edge has been revoked." in `out`. */
void gw_edge_post_describe(int status, const json_t *answer, char *out, size_t size);
