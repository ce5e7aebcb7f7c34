#include "server/http/hop_fields.h"

#define MAX_OPTIONS GW_MAX_REQUEST_FIELDS /* more cannot name more fields than there are */

static const struct gw_str hop_names[] = {
    GW_STR_INIT("connection"), GW_STR_INIT("keep-alive"), GW_STR_INIT("proxy-connection"),
    GW_STR_INIT("te"),         GW_STR_INIT("trailer"),    GW_STR_INIT("upgrade"),
};

static bool is_hop_name(struct gw_str name)
{
    for (size_t i = 0; i < GW_COUNT_OF(hop_names); i++) {
        if (gw_str_equal_nocase(name, hop_names[i]))
            return true;
    }
    return false;
}

/* What all Connection fields name; returns how many. */
static size_t list_options(const struct gw_request *request, struct gw_str *out)
{
    size_t count = 0;

    for (size_t i = 0; i < request->field_count; i++) {
        if (!gw_str_equal_nocase(request->fields[i].name, GW_STR("connection")))
            continue;
        struct gw_str rest = request->fields[i].value;
        struct gw_str option;
        while (count < MAX_OPTIONS && gw_str_split(&rest, ',', &option)) {
            out[count] = gw_str_trim(option);
            count += out[count].len > 0;
        }
    }
    return count;
}

static bool is_listed(const struct gw_str *options, size_t count, struct gw_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal_nocase(options[i], name))
            return true;
    }
    return false;
}

void gw_hop_fields_strip(struct gw_exchange *ex)
{
    struct gw_request *request = &ex->request;
    struct gw_str options[MAX_OPTIONS];
    size_t option_count = list_options(request, options);
    size_t kept = 0;

    for (size_t i = 0; i < request->field_count; i++) {
        struct gw_str name = request->fields[i].name;
        if (!is_hop_name(name) && !is_listed(options, option_count, name))
            request->fields[kept++] = request->fields[i];
    }
    request->field_count = kept;
}
