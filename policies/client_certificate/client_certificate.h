/* The policy `client_certificate`: which consumer a client's certificate stands for. See README.md.
 */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_client_certificate;
