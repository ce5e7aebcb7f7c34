/* Connector `tryton`: the ERP Tryton by its JSON-RPC. See docs/connectors/tryton.md. */
#pragma once

#include "server/connector/connector.h"

extern const struct gw_connector_type gw_tryton_connector;
