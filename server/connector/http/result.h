/* What comes of a backend's answer: a value. All in the arena that is given. */
#pragma once

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/json/value.h"
#include "server/upstream/call.h"

#define HTTP_MAX_DEPTH 100 /* of JSON */

enum http_output { HTTP_CONTENT, HTTP_RAW, HTTP_RESPONSE };

/* 0, -EINVAL (the body is not what its media type says) or -ENOMEM. */
GW_MUST_CHECK
int http_result_read(struct gw_arena *arena, enum http_output output,
                     const struct gw_call_answer *answer, struct gw_value *out_value);

/* Many a backend names its errors in a member of a JSON body: "code" (often within "error"), or
 * "type" (RFC 9457). Empty: this one does not. */
struct gw_str http_result_code(struct gw_arena *arena, const struct gw_call_answer *answer);
