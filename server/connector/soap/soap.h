/* Connector `soap`: SOAP 1.1 and 1.2 over HTTP. See docs/connectors/soap.md. */
#pragma once

#include "server/connector/connector.h"

extern const struct gw_connector_type gw_soap_connector;
