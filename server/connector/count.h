/* Counts calls of connectors' functions, by backend, function and error. On the worker's thread. */
#pragma once

#include "server/connector/connector.h"

void gw_connector_count(const struct gw_connector_call *call, enum gw_connector_error error);

/* The connector whose function it is: "odata"; "" if it is nobody's. */
const char *gw_connector_name_of(const struct gw_connector_function *function);
