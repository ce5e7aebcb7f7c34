/* The policy `compression`: answers in gzip or zstd for clients that take it. See README.md. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_compression;
