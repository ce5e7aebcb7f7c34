/* Media types as contracts name them (RFC 9110, section 8.3). */
#pragma once

#include <stdbool.h>

#include "server/core/str.h"

struct contract_loading;
struct gw_place;

/* The type and subtype of "text/html; charset=utf-8", without parameters and blanks; false if it is
 * not "token/token" (a star may stand for the subtype, or for both), or what follows is no list of
 * parameters. */
bool gw_media_parse(struct gw_str text, struct gw_str *out_range);

/* Is the body JSON: "application/json", or a subtype that ends in "+json" (RFC 6839)? */
bool gw_media_is_json(struct gw_str range);

/* Reads the place's key as a media range: lower case, in the contract's arena. False: refused. */
bool contract_read_media_range(struct contract_loading *loading, const struct gw_place *entry,
                               struct gw_str *out_range);

/* `text` in lower case, in the contract's arena; empty without memory. */
struct gw_str contract_lower(struct contract_loading *loading, struct gw_str text);
