/* Request bodies (OpenAPI: "Request Body Object"). */
#include "loading.h"

void contract_read_body(struct contract_loading *loading, const struct gw_place *place,
                        struct gw_operation *operation)
{
    struct gw_place body;

    if (!json_is_object(place->value))
        return; /* absent, or said */
    if (operation->method == GW_METHOD_GET || operation->method == GW_METHOD_HEAD) {
        gw_place_report_key(&loading->resolver, place, GW_SEVERITY_ERROR,
                            "%s has no request body (RFC 9110, section 9.3)",
                            gw_method_name(operation->method).ptr);
        return;
    }
    if (gw_reference_resolver_follow(&loading->resolver, place, &body) != 0 ||
        !contract_check_object(loading, &body, CONTRACT_REQUEST_BODY))
        return;
    operation->has_body = true;
    operation->is_body_required = contract_flag(&body, "required", false);

    struct gw_place content = gw_place_member(&body, "content");
    if (json_is_object(content.value) && json_object_size(content.value) == 0)
        contract_warn(loading, &content, "no media type: every body will be refused");
    operation->media_types =
        contract_read_media_types(loading, &content, &operation->media_type_count);
}
