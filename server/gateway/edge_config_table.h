/* The table of edge.yaml. For edge_config.c alone. */
#pragma once

#include "server/json/option.h"

extern const struct gw_option gw_edge_config_options[];
