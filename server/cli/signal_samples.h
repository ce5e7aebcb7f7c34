/* Samples from lines of JSON, fed to an engine: what `millgate signal` computes from. */
#pragma once

#include <stdio.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/iot/signal.h"

struct gw_sample_lines {
    const struct gw_registry *registry;
    struct gw_signal_engine *engine;
    size_t line;         /* that is being read */
    size_t sample_count; /* so far */
};

/* Reads to the end. 0, or -EINVAL, -EIO, -ENOMEM: *error says why; `line` is where. */
GW_MUST_CHECK
int gw_sample_lines_feed(struct gw_sample_lines *lines, FILE *file, struct gw_error *error);
