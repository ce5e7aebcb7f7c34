#include "server/connector/soap/envelope.h"

#include <errno.h>

#include "server/core/buf.h"

#define ENVELOPE_1_1 "http://schemas.xmlsoap.org/soap/envelope/"
#define ENVELOPE_1_2 "http://www.w3.org/2003/05/soap-envelope"
#define XOP "http://www.w3.org/2004/08/xop/include"

void soap_envelope_begin(struct gw_buf *out, enum soap_version version,
                         const struct soap_names *names)
{
    gw_buf_printf(out,
                  "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"%s\""
                  " xmlns:xsi=\"" SOAP_XSI "\" xmlns:xsd=\"" SOAP_XSD "\"",
                  version == SOAP_1_1 ? ENVELOPE_1_1 : ENVELOPE_1_2);
    soap_names_write(out, names);
    gw_buf_append_text(out, "><soap:Header>");
}

void soap_envelope_begin_body(struct gw_buf *out)
{
    gw_buf_append_text(out, "</soap:Header><soap:Body>");
}

void soap_envelope_end(struct gw_buf *out)
{
    gw_buf_append_text(out, "</soap:Body></soap:Envelope>");
}

/* An attachment is named where its bytes should be. */
static const struct soap_element *find_attachment(const struct soap_element *root)
{
    const struct soap_element *at = root;

    while (at != NULL && !soap_name_is(&at->name, GW_STR(XOP), GW_STR("Include"))) {
        if (at->first_child != NULL) {
            at = at->first_child;
            continue;
        }
        while (at != root && at->next == NULL)
            at = at->parent;
        at = at == root ? NULL : at->next;
    }
    return at;
}

static int read_parts(const struct soap_element *root, struct soap_envelope *out_envelope,
                      struct gw_error *error)
{
    struct gw_str uri = root->name.uri;
    bool is_known =
        gw_str_equal(uri, GW_STR(ENVELOPE_1_1)) || gw_str_equal(uri, GW_STR(ENVELOPE_1_2));

    if (!is_known || !gw_str_equal(root->name.local, GW_STR("Envelope")))
        return gw_error_set(error, -EINVAL, "<%.*s> is no SOAP envelope of version 1.1 or 1.2",
                            GW_STR_ARG(root->name.local));
    const struct soap_element *body = soap_child(root, uri, GW_STR("Body"));
    if (body == NULL)
        return gw_error_set(error, -EINVAL, "the envelope has no Body");
    for (const struct soap_element *more = body->next; more != NULL; more = more->next) {
        if (soap_name_is(&more->name, uri, GW_STR("Body")))
            return gw_error_set(error, -EINVAL, "the envelope has two Bodies");
    }
    if (find_attachment(body) != NULL)
        return gw_error_set(error, -EINVAL, "it refers to an attachment (MTOM), which is not read");
    *out_envelope = (struct soap_envelope){soap_child(root, uri, GW_STR("Header")), body};
    return 0;
}

int soap_envelope_read(struct gw_arena *arena, struct gw_str text, struct gw_str charset,
                       struct soap_envelope *out_envelope, struct gw_error *error)
{
    struct soap_element *root = NULL;
    int rc = soap_xml_read(arena, text, charset, &root, error);

    return rc == 0 ? read_parts(root, out_envelope, error) : rc;
}
