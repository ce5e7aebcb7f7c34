/* What the operator has set, and what one worker's instance of the policy keeps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/net/http_field.h"

struct gw_metric;
struct gw_exchange;

enum schema_responses { SCHEMA_RESPONSES_OFF, SCHEMA_RESPONSES_REPORT, SCHEMA_RESPONSES_ENFORCE };

struct schema { /* one per worker */
    size_t max_body_bytes;
    size_t max_errors;
    uint32_t max_depth;
    bool allows_duplicates;
    bool refuses_unknown;
    enum schema_responses responses;
    size_t max_response_bytes;
    unsigned response_sample; /* percent */
    unsigned sampled;         /* hundredths of a response that are due */
};

void schema_count(const struct gw_exchange *ex, const struct gw_metric *metric);

/* The one Content-Type; application/octet-stream if there is none, empty if there is more than one.
 */
struct gw_str schema_content_type(const struct gw_field *fields, size_t field_count);

/* Has the body a Content-Encoding, so that its bytes are not those of its media type? */
bool schema_is_coded(const struct gw_field *fields, size_t field_count);
