/* What libmicrohttpd lets pass in a request's head and we do not.
 *
 * The library parses leniently (docs/threat-model.md lists how). These checks work on what it hands
 * out, and on how its pieces lie in its read buffer: a strict head leaves a known pattern there
 * (each CR LF becomes two NULs, each colon one), and whatever breaks RFC 9112 in a way that the
 * library hides breaks the pattern too. The pattern is its layout, not its interface: the tests
 * would fail with a version that changes it. One thing leaves no trace: NULs on
 * the wire that stand just where CRs are missing. Pure. */
#pragma once

#include "server/core/str.h"
#include "server/http/exchange.h"

/* As the library gives them; all but `target` point into its read buffer. */
struct gw_raw_head {
    const char *method;
    const char *target; /* where the target started in the buffer (decoded by now: do not read) */
    size_t target_len;
    const char *version;
    const struct gw_field *fields; /* in the order of the wire, values not trimmed at the end */
    size_t field_count;
    size_t head_bytes; /* from the method to behind the empty line */
};

/* NULL if the head is strict HTTP/1.1 or 1.0 (RFC 9112, sections 2 to 6), else what is wrong with
 * it, for the operator. */
const char *gw_request_head_flaw(const struct gw_raw_head *head);

/* Takes the target apart into request->path, ->query and, in absolute form, ->host. The text must
 * outlive the request. NULL, or what is wrong with it. */
const char *gw_request_target_flaw(struct gw_request *request, struct gw_str target);

/* Sets request->body_bytes from Content-Length and Transfer-Encoding, and ->host from Host. NULL,
 * or what is wrong with them (RFC 9112, sections 3.2 and 6.3). */
const char *gw_request_framing_flaw(struct gw_request *request, bool is_http_1_0);
