/* The OData rig (tests/rigs/odata) with its small plant, and the connector in front of it. The
 * server asks for CSRF tokens, and meets requests with faults when it is told to. */
#pragma once

#include <sys/types.h>

#include "tests/unit/support/connector_rig.h"

#define ODATA_SERVER_PAGE "3" /* items of one of its pages */

struct odata_server {
    pid_t pid;
    uint16_t port;
};

/* False: it is not installed. Asserts that it starts. */
bool odata_server_start(struct odata_server *server);
void odata_server_stop(struct odata_server *server);

/* The next request whose target contains `match` meets `kind` (see faults.js), `times` times. */
void odata_server_spoil(const struct odata_server *server, const char *kind, const char *match,
                        unsigned times);
/* Ends all sessions. */
void odata_server_forget(const struct odata_server *server);
/* Requests since the faults were forgotten, which this does too. */
unsigned odata_server_seen(const struct odata_server *server);

/* The connector for a service ("erp") of `version` ("v4"), with `options` (YAML) beside it. */
void odata_rig_open(struct connector_rig *rig, const struct odata_server *server,
                    const char *version, const char *service, const char *options);

/* Of what came of a call: assert that it went well and its result (JSON) has `part`; that it failed
 * like this, with `reason` in its reason; the text of the first member of that name. */
void outcome_expect(const struct connector_outcome *outcome, const char *part);
void outcome_expect_error(const struct connector_outcome *outcome, enum gw_connector_error error,
                          const char *reason);
void outcome_member(const struct connector_outcome *outcome, const char *name, char *value,
                    size_t room);
