/* Values as OData has them in JSON bodies of requests. Pure. */
#pragma once

#include "server/connector/odata/settings.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/json/value.h"

struct gw_buf;

/* Appends `value`. Marks (see literal.h) become what the version writes for their type. What a
 * result carries of ours ("@etag", "@adopted") is left out, so that it can be sent back. 0, or
 * -EINVAL (a mark that is wrong, or too deep). */
GW_MUST_CHECK
int odata_body_write(struct gw_buf *out, const struct odata_settings *settings,
                     const struct gw_value *value, struct gw_error *error);
