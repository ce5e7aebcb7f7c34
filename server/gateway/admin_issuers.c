#include "server/gateway/admin_issuers.h"

#include "server/core/log.h"
#include "server/gateway/admin_act.h"
#include "server/gateway/admin_route.h"
#include "server/gateway/errand.h"
#include "server/gateway/server_state.h"

#define KIND "issuers"

static const json_t *configured(const struct gw_server *server)
{
    return gw_config_section(server->current->config, KIND);
}

/* The member of `issuers` of that name; made if it is not there. Borrowed; NULL without memory. */
static json_t *issuer_of(json_t *issuers, const char *name, bool is_configured)
{
    size_t index;
    json_t *issuer;

    json_array_foreach(issuers, index, issuer)
    {
        if (strcmp(json_string_value(json_object_get(issuer, "name")), name) == 0)
            return issuer;
    }
    issuer = json_pack("{s:s,s:b,s:[]}", "name", name, "is_configured", is_configured, "workers");
    return json_array_append_new(issuers, issuer) == 0 ? issuer : NULL;
}

/* All that are configured, also those that no token was shown of yet; and those of a configuration
 * that is on its way out. */
static json_t *collect(struct gw_server *server, const json_t *found)
{
    json_t *issuers = json_array();
    const char *name;
    const json_t *value;
    size_t index;
    json_t *entry;

    json_object_foreach((json_t *)configured(server), name, value)(void)
        issuer_of(issuers, name, true);
    json_array_foreach(found, index, entry)
    {
        const char *entry_name = json_string_value(json_object_get(entry, "name"));
        json_t *issuer = entry_name == NULL ? NULL : issuer_of(issuers, entry_name, false);
        json_t *state = json_object_get(entry, "state");
        (void)json_object_set(state, "worker", json_object_get(entry, "worker"));
        (void)json_array_append(json_object_get(issuer, "workers"), state);
    }
    return issuers;
}

static void on_listed(struct gw_server *server, struct gw_exchange *ex,
                      const struct gw_errand_report *report)
{
    gw_admin_answer_value(ex, 200,
                          json_pack("{s:o,s:i}", "issuers", collect(server, report->found),
                                    "workers_missing", (int)report->missing));
}

void gw_admin_issuers_answer(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    const struct gw_errand_order order = {.kind = KIND};

    (void)body;
    gw_errand_start(server, &order, ex, on_listed);
}

static void on_flushed(struct gw_server *server, struct gw_exchange *ex,
                       const struct gw_errand_report *report)
{
    struct gw_str name = gw_admin_parameter(ex, 0);

    (void)server;
    if (report->missing > 0) {
        gw_log_warn("admin: %zu workers have not flushed issuer %.*s yet", report->missing,
                    GW_STR_ARG(name));
        gw_admin_act_note(ex->handler_state, GW_STR("not every worker yet"));
        gw_admin_refuse(ex, "unavailable", "Not every worker has done it in time; all will.");
        return;
    }
    gw_admin_answer_value(
        ex, 200,
        json_pack("{s:s%,s:i}", "issuer", name.ptr, name.len, "flushed", (int)report->acted));
}

void gw_admin_issuers_flush(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    const struct gw_errand_order order = {
        .kind = KIND,
        .name = gw_admin_parameter(ex, 0),
        .act = GW_STR("flush"),
    };
    const char *name;
    const json_t *value;

    (void)body;
    json_object_foreach((json_t *)configured(server), name, value)
    {
        if (gw_str_equal(gw_str_of(name), order.name)) {
            gw_errand_start(server, &order, ex, on_flushed);
            return;
        }
    }
    gw_admin_refuse(ex, "not-found", "There is no such issuer.");
}
