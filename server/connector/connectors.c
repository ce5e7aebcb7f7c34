/* The registration: a connector is one line here. */
#include "server/connector/connector.h"
#include "server/connector/http/http.h"
#include "server/connector/ids/ids.h"
#include "server/connector/odata/odata.h"
#include "server/connector/soap/soap.h"
#include "server/connector/tryton/tryton.h"

const struct gw_connector_type *const gw_connectors[] = {
    /* clang-format off: a line each */
    &gw_http_connector,
    &gw_ids_connector,
    &gw_odata_connector,
    &gw_soap_connector,
    &gw_tryton_connector,
    /* clang-format on */
    NULL,
};

const struct gw_connector_type *gw_connector_find(struct gw_str name)
{
    for (size_t i = 0; gw_connectors[i] != NULL; i++) {
        if (gw_str_equal(gw_str_of(gw_connectors[i]->name), name))
            return gw_connectors[i];
    }
    return NULL;
}

const struct gw_connector_function *
gw_connector_find_function(struct gw_str name, const struct gw_connector_type **out_type)
{
    size_t dot = gw_str_find(name, '.');
    const struct gw_connector_type *type = gw_connector_find(gw_str_from(name.ptr, dot));

    if (type == NULL || dot == name.len)
        return NULL;
    struct gw_str rest = gw_str_tail(name, dot + 1);
    for (const struct gw_connector_function *function = type->functions; function->name != NULL;
         function++) {
        if (!gw_str_equal(gw_str_of(function->name), rest))
            continue;
        *out_type = type;
        return function;
    }
    return NULL;
}
