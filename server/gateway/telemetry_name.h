/* A gateway's own name among those that share edge nodes, where its configuration gives it none:
 * the same at every start, so that brokers know it again. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/iot/members.h"

/* Reads `<state_dir>/instance`, or makes the file. A second gateway on the same folder has a name
 * of this start, and no session that is kept; so has one that cannot write there. Both are logged.
 * What it returns is closed when the name is not used any more; -1: there is nothing to close. */
int gw_telemetry_name_keep(struct gw_str state_dir, char out_name[GW_IOT_MEMBER_BYTES]);
