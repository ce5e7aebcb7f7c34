/* A sample's value and quality as text. Pure. */
#pragma once

#include "server/core/buf.h"
#include "server/iot/sample.h"

/* Appends the value as JSON: the shortest number that reads back as the same; null for NONE. */
void gw_sample_write_value(struct gw_buf *out, const struct gw_sample *sample);

const char *gw_quality_name(enum gw_quality quality); /* "good" */
/* False: no quality has that name. */
bool gw_quality_parse(struct gw_str name, enum gw_quality *out_quality);
