/* What commands over the admin listener have in common: asking for one or for all, and showing what
 * came. All return an exit code, after they have told what is wrong. */
#pragma once

#include <jansson.h>

#include "server/cli/admin_call.h"

/* Shows what is known under path/name. */
GW_MUST_CHECK
int gw_cli_show(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
                const char *name);
GW_MUST_CHECK
int gw_cli_drop(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
                const char *name);

/* A table of all pages. `query` is empty or begins with "&"; `columns` ends with NULL. */
GW_MUST_CHECK
int gw_cli_list(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
                const char *query, const char *const *columns);

/* Sends `body` (given away; NULL is a usage error) to path/name (name may be NULL) and shows the
 * answer, or of it just the member `only`. */
GW_MUST_CHECK
int gw_cli_put(const struct gw_cli *cli, const struct gw_cli_admin *admin, const char *path,
               const char *name, json_t *body, const char *only);

/* Sets a member, unless `text` is NULL. */
void gw_cli_set(json_t *body, const char *name, const char *text);

struct gw_buf;
/* "&name=value" percent-encoded, unless `value` is NULL. */
void gw_cli_append_query(struct gw_buf *query, const char *name, const char *value);
