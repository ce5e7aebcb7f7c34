/* What the caller is told of its limits (draft-ietf-httpapi-ratelimit-headers). */
#pragma once

#include "question.h"

/* Sets RateLimit-Policy and RateLimit on the response, instead of what an upstream says of limits
 * of its own. A response that is full of fields goes out without. */
void fields_add(const struct question *question);
