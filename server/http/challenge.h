/* WWW-Authenticate (RFC 9110, section 11.6.1): what a refused caller may show instead. */
#pragma once

struct gw_buf;
struct gw_exchange;

/* Adds the field with the text in `challenge`, which it finishes. The refusal stands without its
 * challenge, too: a failure only closes the connection. */
void gw_challenge_add(struct gw_exchange *ex, struct gw_buf *challenge);
