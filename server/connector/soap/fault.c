/* Faults: SOAP 1.1, section 4.4; SOAP 1.2 part 1, section 5.4. */
#include "server/connector/answer.h"
#include "server/connector/soap/envelope.h"

#define MAX_SUBCODES 16

/* 1.1 has its parts in no namespace; some servers put them into the envelope's. */
static const struct soap_element *part(const struct soap_element *element, const char *local)
{
    const struct soap_element *child = element == NULL ? NULL : element->first_child;

    while (child != NULL && !gw_str_equal(child->name.local, gw_str_of(local)))
        child = child->next;
    return child;
}

/* "soap:Client" without its prefix. */
static struct gw_str plain_code(const struct soap_element *element)
{
    struct gw_str text = element == NULL ? GW_STR("") : soap_trim(element->text);
    size_t colon = gw_str_find(text, ':');

    return colon < text.len ? gw_str_tail(text, colon + 1) : text;
}

static struct gw_str text_of(const struct soap_element *element)
{
    return element == NULL ? GW_STR("") : soap_trim(element->text);
}

static struct gw_str first_name(const struct soap_element *element)
{
    if (element == NULL || element->first_child == NULL)
        return GW_STR("");
    return element->first_child->name.local;
}

/* The one in English, else the first. */
static struct gw_str read_reason(const struct soap_element *reason)
{
    const struct soap_element *first = part(reason, "Text");
    const struct gw_str xml = GW_STR("http://www.w3.org/XML/1998/namespace");

    for (const struct soap_element *at = first; at != NULL; at = at->next) {
        if (gw_str_has_prefix_nocase(soap_attribute_value(at, xml, GW_STR("lang")), GW_STR("en")))
            return text_of(at);
    }
    return text_of(first);
}

static struct gw_str read_subcode(const struct soap_element *code)
{
    struct gw_str sub = GW_STR("");

    for (unsigned i = 0; i < MAX_SUBCODES; i++) {
        code = part(code, "Subcode");
        if (code == NULL)
            break;
        sub = plain_code(part(code, "Value"));
    }
    return sub;
}

bool soap_fault_read(const struct soap_element *body, struct soap_fault *out_fault)
{
    const struct soap_element *fault = soap_child(body, body->name.uri, GW_STR("Fault"));

    if (fault == NULL)
        return false;
    const struct soap_element *code = part(fault, "Code");
    if (code != NULL)
        *out_fault = (struct soap_fault){
            .code = plain_code(part(code, "Value")),
            .sub = read_subcode(code),
            .detail = first_name(part(fault, "Detail")),
            .reason = read_reason(part(fault, "Reason")),
        };
    else
        *out_fault = (struct soap_fault){
            .code = plain_code(part(fault, "faultcode")),
            .sub = GW_STR(""),
            .detail = first_name(part(fault, "detail")),
            .reason = text_of(part(fault, "faultstring")),
        };
    return true;
}

/* --- what it means ---------------------------------------------------------------------------- */

static const struct {
    struct gw_str code;
    enum gw_connector_error error;
} standard[] = {
    /* WS-Security 1.1.1, section 12, and what servers say in its place */
    {GW_STR_INIT("FailedAuthentication"), GW_CONNECTOR_DENIED},
    {GW_STR_INIT("FailedCheck"), GW_CONNECTOR_DENIED},
    {GW_STR_INIT("InvalidSecurity"), GW_CONNECTOR_DENIED},
    {GW_STR_INIT("InvalidSecurityToken"), GW_CONNECTOR_DENIED},
    {GW_STR_INIT("MessageExpired"), GW_CONNECTOR_DENIED},
    {GW_STR_INIT("SecurityTokenUnavailable"), GW_CONNECTOR_DENIED},
    {GW_STR_INIT("UnsupportedAlgorithm"), GW_CONNECTOR_DENIED},
    {GW_STR_INIT("UnsupportedSecurityToken"), GW_CONNECTOR_DENIED},
    {GW_STR_INIT("Client.Authentication"), GW_CONNECTOR_DENIED},
    {GW_STR_INIT("VersionMismatch"), GW_CONNECTOR_WRONG},
    {GW_STR_INIT("MustUnderstand"), GW_CONNECTOR_WRONG},
    {GW_STR_INIT("DataEncodingUnknown"), GW_CONNECTOR_WRONG},
    {GW_STR_INIT("Sender"), GW_CONNECTOR_REFUSED},
    {GW_STR_INIT("Client"), GW_CONNECTOR_REFUSED},
};

static enum gw_connector_error find_rule(const struct soap_fault_rule *rules, size_t count,
                                         struct gw_str name)
{
    for (size_t i = 0; i < count && name.len > 0; i++) {
        if (gw_str_equal(rules[i].name, name))
            return rules[i].error;
    }
    return GW_CONNECTOR_OK;
}

static enum gw_connector_error find_standard(struct gw_str code)
{
    for (size_t i = 0; i < GW_COUNT_OF(standard); i++) {
        if (gw_str_equal(standard[i].code, code))
            return standard[i].error;
    }
    return gw_str_has_prefix(code, GW_STR("Client.")) ? GW_CONNECTOR_REFUSED : GW_CONNECTOR_OK;
}

/* The server's own trouble: whether it happened before or after the effect nobody knows. */
static enum gw_connector_error judge_server(int status, bool is_write)
{
    enum gw_connector_error error = status >= 500 || status == 429 || status == 408
                                        ? gw_connector_judge_status(status, is_write)
                                        : GW_CONNECTOR_OK;

    if (error != GW_CONNECTOR_OK)
        return error;
    return is_write ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_UNAVAILABLE;
}

enum gw_connector_error soap_fault_class(const struct soap_fault *fault,
                                         const struct soap_fault_rule *rules, size_t count,
                                         int status, bool is_write)
{
    const struct gw_str names[] = {fault->detail, fault->sub, fault->code};
    enum gw_connector_error error = GW_CONNECTOR_OK;

    for (size_t i = 0; i < GW_COUNT_OF(names) && error == GW_CONNECTOR_OK; i++)
        error = find_rule(rules, count, names[i]);
    if (error == GW_CONNECTOR_OK)
        error = find_standard(fault->sub);
    if (error == GW_CONNECTOR_OK)
        error = find_standard(fault->code);
    if (error == GW_CONNECTOR_OK && (status == 401 || status == 403))
        error = GW_CONNECTOR_DENIED;
    return error != GW_CONNECTOR_OK ? error : judge_server(status, is_write);
}

struct gw_str soap_fault_code(const struct soap_fault *fault)
{
    if (fault->detail.len > 0)
        return fault->detail;
    return fault->sub.len > 0 ? fault->sub : fault->code;
}
