/* The tables of millgate.yaml. Private to gateway/config*.c. */
#pragma once

#include "server/json/option.h"

/* The gateway's own top-level keys. */
extern const struct gw_option gw_config_options[];

/* The chain that runs if `policies` is left out, in order; ends with NULL. */
extern const char *const gw_config_default_chain[];

/* Of each backend: config_backend_table.c. */
extern const struct gw_option gw_config_backend_options[];
