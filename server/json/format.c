/* The table of formats. */
#include "server/json/format.h"

#include "server/core/attr.h"
#include "server/json/pattern.h"

static const struct {
    struct gw_str name;
    gw_format_fn *check;
} formats[] = {
    {GW_STR_INIT("date-time"), gw_format_is_date_time},
    {GW_STR_INIT("date"), gw_format_is_date},
    {GW_STR_INIT("time"), gw_format_is_time},
    {GW_STR_INIT("duration"), gw_format_is_duration},
    {GW_STR_INIT("email"), gw_format_is_email},
    {GW_STR_INIT("idn-email"), gw_format_is_idn_email},
    {GW_STR_INIT("hostname"), gw_format_is_hostname},
    {GW_STR_INIT("idn-hostname"), gw_format_is_idn_hostname},
    {GW_STR_INIT("ipv4"), gw_format_is_ipv4},
    {GW_STR_INIT("ipv6"), gw_format_is_ipv6},
    {GW_STR_INIT("uri"), gw_format_is_uri},
    {GW_STR_INIT("uri-reference"), gw_format_is_uri_reference},
    {GW_STR_INIT("iri"), gw_format_is_iri},
    {GW_STR_INIT("iri-reference"), gw_format_is_iri_reference},
    {GW_STR_INIT("uri-template"), gw_format_is_uri_template},
    {GW_STR_INIT("uuid"), gw_format_is_uuid},
    {GW_STR_INIT("json-pointer"), gw_format_is_json_pointer},
    {GW_STR_INIT("relative-json-pointer"), gw_format_is_relative_json_pointer},
    {GW_STR_INIT("regex"), gw_format_is_regex},
    {GW_STR_INIT("byte"), gw_format_is_base64},
};

gw_format_fn *gw_format_find(struct gw_str name)
{
    for (size_t i = 0; i < GW_COUNT_OF(formats); i++) {
        if (gw_str_equal(name, formats[i].name))
            return formats[i].check;
    }
    return NULL;
}

bool gw_format_is_regex(struct gw_str text)
{
    return gw_pattern_is_valid(text);
}
