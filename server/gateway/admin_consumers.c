/* Consumers over the admin listener: what holds for one wherever it calls. The record is
 * "consumer:<name>", the name being what limits and logs use: <scheme>:<subject>. */
#include "server/core/clock.h"
#include "server/gateway/admin_record.h"
#include "server/gateway/server_state.h"

#define KIND "consumer:"

const struct gw_option gw_admin_consumer_fields[] = {
    {.name = "plan", .type = GW_STRING, .min = 1, .max = 64},
    {.name = "disabled", .type = GW_BOOL, .value = "false"},
    {.name = "note", .type = GW_STRING, .max = 500},
    {0},
};

/* `value` is released. */
static json_t *show(struct gw_exchange *ex, struct gw_str name, json_t *value)
{
    static const char *const texts[] = {"plan", "note", "changed_by"};
    json_t *shown = json_object();

    (void)ex;
    if (shown != NULL) {
        gw_admin_set_text(shown, "id", name);
        for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
            gw_admin_set_text(shown, texts[i], gw_admin_text(value, texts[i]));
        json_object_set_new(shown, "disabled",
                            json_boolean(json_is_true(json_object_get(value, "disabled"))));
        gw_admin_set_time(shown, "changed", json_object_get(value, "changed"));
    }
    json_decref(value);
    return shown;
}

void gw_admin_consumer_put(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct gw_str name = gw_admin_parameter(ex, 0);
    struct gw_str plan = gw_admin_text(body, "plan");
    struct gw_str rest = name, scheme;

    if (name.len > 600 || !gw_str_split(&rest, ':', &scheme) || scheme.len == 0 || rest.len == 0) {
        gw_admin_refuse(ex, "invalid-parameter",
                        "A consumer's name is <scheme>:<subject>, as logs show it.");
        return;
    }
    if (plan.len > 0 &&
        json_object_get(gw_config_section(server->current->config, "plans"), plan.ptr) == NULL) {
        gw_admin_refuse(ex, "invalid-body", "plan must be a name of the section plans.");
        return;
    }
    struct gw_admin_change change = {.act = GW_RECORD_PUT,
                                     .id = gw_admin_record_id(ex, GW_STR(KIND), name),
                                     .value = json_object(),
                                     .status = 200};
    gw_admin_set_text(change.value, "plan", plan);
    gw_admin_set_text(change.value, "note", gw_admin_text(body, "note"));
    gw_admin_set_text(change.value, "changed_by", gw_admin_who(ex));
    json_object_set_new(change.value, "changed",
                        json_integer((json_int_t)(ex->wall_ns / GW_NS_PER_SECOND)));
    json_object_set(change.value, "disabled", json_object_get(body, "disabled"));
    change.answer = show(ex, name, json_incref(change.value));
    gw_admin_record_change(server, ex, &change);
}

void gw_admin_consumer_list(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_record_list(server, ex, GW_STR(KIND), show);
}

void gw_admin_consumer_show(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_record_show(server, ex, GW_STR(KIND), show);
}

void gw_admin_consumer_remove(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_record_remove(server, ex, GW_STR(KIND));
}
