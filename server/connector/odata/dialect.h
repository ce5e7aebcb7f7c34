/* Which OData is spoken, and the words that both have in common. Private to connector/odata. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/str.h"

enum odata_version {
    ODATA_V2, /* [MS-ODATA], as SAP Gateway speaks it */
    ODATA_V4, /* OASIS OData 4.01 */
};

#define ODATA_MAX_TARGET_BYTES (16u << 10) /* path and query of one request */
#define ODATA_MAX_NAME_BYTES 128           /* SimpleIdentifier (CSDL 4.01, section 15.2) */
#define ODATA_MAX_DEPTH 64                 /* of values and of filters */

/* SimpleIdentifier: a letter or '_', then letters, digits and '_'. Other scripts pass as UTF-8. */
bool odata_is_name(struct gw_str text);

/* Names joined by `separator` ('/' of a path to a property, '.' of a namespace). */
bool odata_is_path(struct gw_str text, char separator);
