/* Outlier ejection: a target that fails several times in a row is left out for a while, and for
 * longer each time, while the others serve. Pure; times are CLOCK_MONOTONIC nanoseconds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_outlier_rule {
    uint32_t failures; /* in a row; 0: nothing is ever ejected */
    uint64_t base_ns;  /* the first ejection; the next ones are that many times longer */
    uint64_t max_ns;
    uint32_t max_percent; /* of a backend's targets that may be out at the same time */
};

/* All zeroes is a good one. */
struct gw_outlier {
    uint32_t failures;  /* in a row */
    uint32_t ejections; /* grows with each, falls with each quiet spell */
    uint64_t until_ns;  /* of the last ejection; 0: there was none */
};

bool gw_outlier_is_ejected(const struct gw_outlier *outlier, uint64_t now_ns);

void gw_outlier_success(struct gw_outlier *outlier);

/* Another failure; true if this is the one to eject for. It is for the caller to look whether as
 * many may be out, and then to call eject; otherwise the next failure asks again. */
bool gw_outlier_failure(struct gw_outlier *outlier, const struct gw_outlier_rule *rule,
                        uint64_t now_ns);
void gw_outlier_eject(struct gw_outlier *outlier, const struct gw_outlier_rule *rule,
                      uint64_t now_ns);

/* Whether one more of `count` may be out, when `ejected` are. */
bool gw_outlier_has_room(const struct gw_outlier_rule *rule, size_t ejected, size_t count);
