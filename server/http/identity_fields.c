#include "server/http/identity_fields.h"

/* Prefixes in lower case; what ends in "-" covers a family. */
static const struct gw_str prefixes[] = {
    GW_STR_INIT("x-consumer"),
    GW_STR_INIT("x-user"),
    GW_STR_INIT("x-auth-"),
    GW_STR_INIT("x-authenticated-"),
    GW_STR_INIT("x-credential-"),
    GW_STR_INIT("x-anonymous-consumer"),
    GW_STR_INIT("x-remote-"),
    GW_STR_INIT("remote-"),
    GW_STR_INIT("x-forwarded-user"),
    GW_STR_INIT("x-forwarded-email"),
    GW_STR_INIT("x-forwarded-preferred-username"),
    GW_STR_INIT("x-forwarded-groups"),
    GW_STR_INIT("x-forwarded-access-token"),
    GW_STR_INIT("x-forwarded-client-cert"),
    GW_STR_INIT("x-jwt-"),
    GW_STR_INIT("x-token-"),
    GW_STR_INIT("x-claim-"),
    GW_STR_INIT("x-client-cert"),
    GW_STR_INIT("x-ssl-client-"),
    GW_STR_INIT("ssl-client-"),
    GW_STR_INIT("client-cert"),
    GW_STR_INIT("x-plant"),
    GW_STR_INIT("x-supplier"),
    GW_STR_INIT("x-tenant"),
    GW_STR_INIT("x-millgate-"),
};

static char fold(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return (char)(byte | 0x20);
    return byte == '_' ? '-' : byte;
}

bool gw_field_is_alike(struct gw_str name, struct gw_str other)
{
    if (name.len != other.len)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (fold(name.ptr[i]) != fold(other.ptr[i]))
            return false;
    }
    return true;
}

static bool has_prefix(struct gw_str name, struct gw_str prefix)
{
    if (name.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++) {
        if (fold(name.ptr[i]) != prefix.ptr[i])
            return false;
    }
    return true;
}

bool gw_is_identity_field(struct gw_str name)
{
    char first = name.len == 0 ? '\0' : fold(name.ptr[0]);

    if (first != 'x' && first != 'r' && first != 's' && first != 'c')
        return false; /* most fields end here */
    for (size_t i = 0; i < GW_COUNT_OF(prefixes); i++) {
        if (has_prefix(name, prefixes[i]))
            return true;
    }
    return false;
}

void gw_identity_fields_strip(struct gw_exchange *ex)
{
    struct gw_request *request = &ex->request;
    size_t kept = 0;

    for (size_t i = 0; i < request->field_count; i++) {
        if (!gw_is_identity_field(request->fields[i].name))
            request->fields[kept++] = request->fields[i];
    }
    request->field_count = kept;
}
