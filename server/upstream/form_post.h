/* One question to an authorization server: a form, posted with our own credentials there (RFC 6749,
 * section 2.3.1), and the whole answer.
 *
 * For what the gateway itself asks: tokens for a backend, what a caller's token is worth. An answer
 * is bounded, redirects are not followed, a kept connection that turns out dead is replaced once.
 * Says what came; what it is worth is for whoever asked. One at a time, on its loop's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/net/http_client.h"

#define GW_FORM_MAX_BYTES (64 * 1024) /* of a form, and of an answer */

enum gw_form_auth {
    GW_FORM_AUTH_BASIC, /* client_secret_basic: in Authorization */
    GW_FORM_AUTH_POST,  /* client_secret_post: in the form */
};

/* Where to, and who we are there. The strings are the owner's and outlive what is asked. */
struct gw_form_place {
    struct gw_http_origin_config origin;
    struct gw_str authority; /* for Host */
    struct gw_str target;    /* path and query */
    struct gw_str client_id, client_secret;
    enum gw_form_auth auth;
};

/* One with an empty value is left out. */
struct gw_form_field {
    struct gw_str name, value;
};

/* Borrowed during the call. */
struct gw_form_result {
    int status; /* 0: there was no answer, and `why` says so, for the operator's log */
    struct gw_str body;
    const char *why;
};

struct gw_form_post {
    const struct gw_form_place *place;
    void (*on_done)(struct gw_form_post *post, const struct gw_form_result *result);

    /* --- of the question under way --- */
    struct gw_http_origin *origin;
    struct gw_http_call *call;
    struct gw_buf form;          /* holds secrets: wiped when it is done */
    struct gw_buf authorization; /* likewise */
    struct gw_buf answer;
    struct gw_loop *loop;
    uint64_t deadline_ns;
    int status;
    bool is_second; /* try */
};

void gw_form_post_init(struct gw_form_post *post, const struct gw_form_place *place,
                       void (*on_done)(struct gw_form_post *post,
                                       const struct gw_form_result *result));

/* Asks; on_done will be called once, later, within `timeout_ns`. It may start the next or finish.
 * 0, or a negative errno with *error: it will not be called. */
GW_MUST_CHECK
int gw_form_post_start(struct gw_form_post *post, struct gw_http_client *client,
                       struct gw_loop *loop, const struct gw_form_field *fields, size_t count,
                       uint64_t timeout_ns, struct gw_error *error);

/* Breaks off what is under way, without a call of on_done. */
void gw_form_post_stop(struct gw_form_post *post);
void gw_form_post_finish(struct gw_form_post *post); /* safe on a zeroed one */

static inline bool gw_form_post_is_running(const struct gw_form_post *post)
{
    return post->origin != NULL;
}

/* `text` as application/x-www-form-urlencoded writes it (URL standard, section 5.2). */
void gw_form_append(struct gw_buf *out, struct gw_str text);
