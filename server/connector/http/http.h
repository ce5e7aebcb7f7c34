/* Connector `http`: any REST backend, by method and path or by an operation of its own OpenAPI
 * document. See docs/connectors/http.md. */
#pragma once

#include "server/connector/connector.h"

extern const struct gw_connector_type gw_http_connector;
