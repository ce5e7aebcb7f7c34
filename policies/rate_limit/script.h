/* The one atomic question that the rate limit asks Redis: gcra_take() on Redis' clock. */
#pragma once

#include "server/store/script.h"

/* KEYS[1]: the subject's key. ARGV: step and room in ticks. Returns the ticks that
 * gcra_decide() understands. */
extern const struct gw_script rate_limit_script;
