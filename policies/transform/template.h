/* Texts with places for what is known of a request: "plant-{claim.plant}".
 *
 *   {path.NAME}    a path parameter, percent-decoded
 *   {query.NAME}   the first query parameter of that name, decoded
 *   {header.NAME}  the first request field of that name
 *   {claim.NAME}   a member of the verified token's payload: text, number or boolean
 *   {consumer} {request_id} {trace_id} {method} {peer}
 *   {{ and }}      the brace itself
 *
 * Checked when it is made; filling it in takes memory of the exchange alone. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/http/exchange.h"

#define TEMPLATE_MAX_VALUE_BYTES 4096

struct template;

/* Copies what it keeps. 0; -EINVAL with *error, whose text names the byte; or -ENOMEM. */
GW_MUST_CHECK
int template_create(struct gw_str text, struct template **out_template, struct gw_error *error);
void template_destroy(struct template *template); /* NULL is safe */

/* The text, followed by a NUL. 0; -ENOENT: something that it names is not there; -EINVAL: the
 * result has a control byte or is longer than TEMPLATE_MAX_VALUE_BYTES; -ENOMEM. */
GW_MUST_CHECK
int template_fill(const struct template *template, struct gw_exchange *ex, struct gw_str *out_text);
