/* The formats of JSON Schema 2020-12, Validation, section 7.3, and those OpenAPI adds for strings.
 *
 * Each check is a pure function of the text (well-formed UTF-8, may contain NUL), linear in its
 * length, by the grammar of the RFC that the format names. */
#pragma once

#include <stdbool.h>

#include "server/core/str.h"

typedef bool gw_format_fn(struct gw_str text);

/* The check of the format `name`, or NULL when the format is not known (then everything passes). */
gw_format_fn *gw_format_find(struct gw_str name);

/* RFC 3339 (section 5.6); leap seconds only where one can be: 23:59:60 UTC. */
bool gw_format_is_date(struct gw_str text);
bool gw_format_is_time(struct gw_str text);
bool gw_format_is_date_time(struct gw_str text);
bool gw_format_is_duration(struct gw_str text); /* RFC 3339, appendix A */

bool gw_format_is_ipv4(struct gw_str text);     /* RFC 2673, section 3.2: dotted quad */
bool gw_format_is_ipv6(struct gw_str text);     /* RFC 4291, section 2.2; no zone */
bool gw_format_is_hostname(struct gw_str text); /* RFC 1123, with A-labels of RFC 5890 checked */
bool gw_format_is_idn_hostname(struct gw_str text); /* RFC 5890, 5892 */
bool gw_format_is_email(struct gw_str text);        /* RFC 5321 Mailbox */
bool gw_format_is_idn_email(struct gw_str text);    /* RFC 6531 Mailbox */

bool gw_format_is_uri(struct gw_str text); /* RFC 3986 */
bool gw_format_is_uri_reference(struct gw_str text);
bool gw_format_is_iri(struct gw_str text); /* RFC 3987 */
bool gw_format_is_iri_reference(struct gw_str text);
bool gw_format_is_uri_template(struct gw_str text); /* RFC 6570 */

bool gw_format_is_uuid(struct gw_str text);         /* RFC 4122 */
bool gw_format_is_json_pointer(struct gw_str text); /* RFC 6901 */
bool gw_format_is_relative_json_pointer(
    struct gw_str text);                      /* draft-bhutton-relative-json-pointer */
bool gw_format_is_regex(struct gw_str text);  /* ECMA-262 */
bool gw_format_is_base64(struct gw_str text); /* RFC 4648, section 4: OpenAPI's byte */
