/* An administrative act: from the line that begins it in the audit to the one that ends it.
 *
 * Every change that comes over the admin listener is one, begun and ended by admin_route.c; and so
 * is a reload by signal. What cannot be recorded is not done. Main thread. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_admin_act;
struct gw_exchange;
struct gw_server;

/* 0 and an act, to be ended; or a negative errno: it cannot be recorded, so it must not be done. */
GW_MUST_CHECK
int gw_admin_act_begin(struct gw_server *server, const char *name, struct gw_str who,
                       struct gw_str what, struct gw_admin_act **out_act);

/* For the line that ends it: what came of it, such as the id of what was made. Copied. */
void gw_admin_act_note(struct gw_admin_act *act, struct gw_str note); /* NULL is safe */

/* "done", "refused", "failed", or "unknown". Frees the act. 0, also for NULL; or a negative errno:
 * it was not recorded, which was logged. */
int gw_admin_act_end(struct gw_admin_act *act, const char *outcome);

/* Takes the act from the exchange, which then is answered without ending it. May be NULL. */
struct gw_admin_act *gw_admin_act_take(struct gw_exchange *ex);

/* Ends the act of the exchange, if it still has one, by the status of its response; and responds.
 */
void gw_admin_respond(struct gw_exchange *ex);
