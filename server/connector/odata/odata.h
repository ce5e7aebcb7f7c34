/* The connector for OData services, V4 and V2: docs/connectors/odata.md. */
#pragma once

#include "server/connector/connector.h"

extern const struct gw_connector_type gw_odata_connector;
