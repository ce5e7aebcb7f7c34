/* Values as OData writes them in a URL, and texts as a URL takes them.
 *
 * A JSON text is an Edm.String, a number is a number. What JSON has no type for is marked by an
 * object of one member:
 *
 *     {"$date": "2026-11-23"}                       Edm.Date; in V2 an Edm.DateTime of midnight
 *     {"$datetime": "2026-11-23T10:00:00Z"}         Edm.DateTimeOffset
 *     {"$localdatetime": "2026-11-23T10:00:00"}     V2's Edm.DateTime, without a zone
 *     {"$time": "10:00:00"}                         Edm.TimeOfDay; V2's Edm.Time
 *     {"$guid": "8-4-4-4-12"}  {"$decimal": "1.50"}  {"$int64": "9007199254740993"}
 *
 * Whatever a value holds, it stays one literal: quotes are doubled, markers are checked against
 * their grammar, and all of it is percent-encoded afterwards. Pure. */
#pragma once

#include "server/connector/odata/dialect.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/json/value.h"

struct gw_buf;

enum odata_mark {
    ODATA_UNMARKED,
    ODATA_DATE,
    ODATA_DATETIME,
    ODATA_LOCAL_DATETIME,
    ODATA_TIME,
    ODATA_GUID,
    ODATA_DECIMAL,
    ODATA_INT64,
};

/* What a value is marked as, and its text. 0, or -EINVAL where a mark's text is not of its type;
 * an object that is no mark is ODATA_UNMARKED, as is whatever else. */
GW_MUST_CHECK
int odata_mark_read(const struct gw_value *value, enum odata_mark *out_mark,
                    struct gw_str *out_text, struct gw_error *error);

/* Appends a literal, not percent-encoded. 0, or -EINVAL (an array, an object, a NUL). */
GW_MUST_CHECK
int odata_literal_write(struct gw_buf *out, enum odata_version version,
                        const struct gw_value *value, struct gw_error *error);

/* Appends `text` percent-encoded (a space is %20), but for what means itself in every component of
 * a URL: unreserved characters and "$(),='". What ends or splits one ('&', '#', '+', '/', '?',
 * '%') is encoded always; "'" and "=" never end anything that we write. */
void odata_encode(struct gw_buf *out, struct gw_str text);
