/* What a request about devices says, and how it is answered. */
#include <errno.h>

#include "server/contract/parameter_values.h"
#include "server/core/clock.h"
#include "server/core/instant.h"
#include "server/filter/filter.h"
#include "server/gateway/events_private.h"
#include "server/gateway/iot_private.h"

#define RETRY_NS GW_NS_PER_SECOND

bool gw_iot_read_request(struct gw_exchange *ex, struct gw_iot_request *out_request)
{
    *out_request = (struct gw_iot_request){.ex = ex, .registry = ex->view->snapshot->registry};
    if (gw_parameters_read(ex, &ex->arena, &out_request->parameters) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return false;
    }
    if (!gw_events_read_permission(ex, &out_request->permission)) {
        gw_builtin_end(ex, false);
        return false;
    }
    return true;
}

bool gw_iot_may_see(const struct gw_iot_request *request, struct gw_str plant)
{
    const struct gw_event_patterns *own = &request->permission.own_plants;

    if (request->permission.sees_all_plants)
        return true;
    for (size_t i = 0; i < own->count; i++) {
        if (gw_str_equal(own->items[i], plant))
            return true;
    }
    return false;
}

struct gw_str gw_iot_text(const struct gw_iot_request *request, const char *name)
{
    return gw_value_member_text(&request->parameters, gw_str_of(name));
}

uint64_t gw_iot_number(const struct gw_iot_request *request, const char *name, uint64_t usual)
{
    return gw_events_number(&request->parameters, gw_str_of(name), usual);
}

int64_t gw_iot_moment(const struct gw_iot_request *request, const char *name, int64_t usual)
{
    int64_t ms;

    return gw_instant_read(gw_iot_text(request, name), &ms) == 0 ? ms : usual;
}

struct gw_str gw_iot_caller(struct gw_exchange *ex)
{
    struct gw_str name = gw_arena_copy(&ex->arena, ex->identity.subject);
    char *bytes = (char *)name.ptr;

    for (size_t i = 0; bytes != NULL && i < name.len; i++)
        if (bytes[i] == ' ')
            bytes[i] = '_';
    return name;
}

/* One that the caller may not see is not there for it. */
const struct gw_device_config *gw_iot_find_device(const struct gw_iot_request *request)
{
    struct gw_str group = gw_iot_text(request, "group"), node = gw_iot_text(request, "edgeNode");
    struct gw_str name = gw_iot_text(request, "device");
    const struct gw_device_config *device = gw_registry_find(request->registry, group, node, name);

    if (device == NULL && gw_str_equal(name, GW_STR("-")))
        device = gw_registry_find(request->registry, group, node, GW_STR(""));
    if (device != NULL && gw_iot_may_see(request, device->plant))
        return device;
    gw_iot_refuse(request->ex, "not-found", "There is no such device.");
    return NULL;
}

void gw_iot_answer(struct gw_exchange *ex, int status, const struct gw_buf *text, bool has_effect)
{
    gw_events_answer(ex, status, text, has_effect);
}

void gw_iot_refuse(struct gw_exchange *ex, const char *problem, const char *detail)
{
    gw_events_refuse(ex, problem, detail);
}

void gw_iot_refuse_for(struct gw_exchange *ex, int rc)
{
    const char *problem = rc == -ENOMEM ? "overloaded" : "unavailable";

    (void)gw_exchange_reject(ex, problem, "The state of devices cannot be reached now.", RETRY_NS);
    gw_builtin_end(ex, false);
}

struct gw_buf *gw_iot_make_text(struct gw_exchange *ex)
{
    struct gw_buf *text = gw_events_make_text(ex, GW_IOT_MAX_ANSWER_BYTES);

    if (text == NULL)
        gw_iot_refuse(ex, "overloaded", NULL);
    return text;
}

/* --- members --- */

void gw_iot_write_name(struct gw_buf *out, const char *name)
{
    bool is_first = out->len > 0 && out->ptr[out->len - 1] == '{';

    gw_buf_printf(out, "%s\"%s\":", is_first ? "" : ",", name);
}

void gw_iot_write_text(struct gw_buf *out, const char *name, struct gw_str text)
{
    if (text.len == 0)
        return;
    gw_iot_write_name(out, name);
    gw_buf_append_byte(out, '"');
    gw_buf_append_json(out, text);
    gw_buf_append_byte(out, '"');
}

void gw_iot_write_moment(struct gw_buf *out, const char *name, int64_t ms)
{
    char text[GW_CLOCK_TEXT_BYTES];

    if (ms <= 0)
        return;
    gw_clock_text(text, ms);
    gw_iot_write_text(out, name, gw_str_of(text));
}

void gw_iot_write_number(struct gw_buf *out, const char *name, int64_t number)
{
    gw_iot_write_name(out, name);
    gw_buf_printf(out, "%lld", (long long)number);
}
