/* Which media type of a contract a body is (RFC 9110, section 8.3). Pure. */
#pragma once

#include <stddef.h>

#include "server/contract/operation.h"

enum media_kind { MEDIA_JSON, MEDIA_FORM, MEDIA_MULTIPART, MEDIA_OTHER };

/* The entry that fits `content_type` best: the same type, then a range by suffix
 * ("application/" star "+json"), then a range of subtypes, then all. NULL: none, or `content_type`
 * is no media type. */
const struct gw_media_type *media_type_select(const struct gw_media_type *types, size_t count,
                                              struct gw_str content_type);

/* Does `content_type` lie in `range` (lower case)? */
bool media_type_is_in(struct gw_str content_type, struct gw_str range);

/* How the gateway reads it. */
enum media_kind media_type_kind(struct gw_str content_type);

/* The value of a parameter such as boundary, without its quotes; empty if there is none. A quoted
 * value with a backslash is taken as none: no sender needs one. */
struct gw_str media_type_parameter(struct gw_str content_type, struct gw_str name);
