/* A body that is all there, against the schema of its media type. Pure but for the arena. */
#pragma once

#include "policies/schema/media_type.h"
#include "policies/schema/violations.h"

struct body_rules {
    const struct gw_schema_set *schemas;
    enum gw_schema_direction direction;
    struct gw_json_limits json;
    bool allows_duplicates; /* of names in a JSON object */
};

/* Has the gateway anything to check in a body of `content_type`, described by `type`? If not, it
 * need not be collected. */
bool body_is_checked(const struct gw_media_type *type, struct gw_str content_type);

void body_check(const struct body_rules *rules, const struct gw_media_type *type,
                struct gw_str content_type, struct gw_str body, struct violations *list);
