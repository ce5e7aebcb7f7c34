/* What an answer says. */
#include "server/connector/answer.h"

#include <errno.h>
#include <string.h>

#include "server/connector/soap/request.h"
#include "server/core/arena.h"
#include "server/upstream/call.h"

struct reading {
    struct gw_arena *arena;
    const struct soap_settings *settings;
    const struct soap_request *request;
    const struct gw_call_answer *answer;
    bool is_write;
    struct gw_value *result;
    struct gw_connector_failure *failure;
};

static bool is_late(const struct gw_call_answer *answer)
{
    return answer->problem != NULL && strcmp(answer->problem, GW_CONNECTOR_LATE) == 0;
}

static enum gw_connector_error fail(const struct reading *reading, enum gw_connector_error error,
                                    struct gw_str code, struct gw_str reason)
{
    bool is_only_late = error == GW_CONNECTOR_UNAVAILABLE && is_late(reading->answer);

    struct gw_str kept_reason = gw_arena_copy(reading->arena, reason);
    struct gw_str kept_code = gw_arena_copy(reading->arena, code);

    *reading->failure = (struct gw_connector_failure){
        .error = error,
        .backend_status = reading->answer->backend_status,
        .reason = kept_reason.ptr == NULL ? GW_STR("") : kept_reason,
        .code = kept_code.ptr == NULL ? GW_STR("") : kept_code,
        .retry_ns = reading->answer->retry_ns,
        .problem = is_only_late ? GW_CONNECTOR_LATE : NULL,
    };
    return error;
}

/* It was sent, and what came is no answer. */
static enum gw_connector_error fail_rubbish(const struct reading *reading, const char *reason)
{
    return fail(reading, reading->is_write ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_RUBBISH,
                GW_STR("rubbish"), gw_str_of(reason));
}

/* The same after a write: only that it is not known what came of it. */
static enum gw_connector_error fail_memory(const struct reading *reading)
{
    return fail(reading, reading->is_write ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_UNAVAILABLE,
                GW_STR("memory"), GW_STR("out of memory"));
}

static enum gw_connector_error judge(const struct reading *reading)
{
    enum gw_connector_error error =
        gw_connector_judge(reading->answer, reading->is_write, reading->failure);

    if (error == GW_CONNECTOR_OK)
        return error;
    if (error == GW_CONNECTOR_RUBBISH && reading->is_write)
        error = GW_CONNECTOR_IN_DOUBT;
    return fail(reading, error, GW_STR(""), reading->failure->reason);
}

/* --- the media type --------------------------------------------------------------------------- */

static struct gw_str content_type(const struct gw_call_answer *answer)
{
    const struct gw_str *value =
        gw_field_find(answer->fields, answer->field_count, GW_STR("content-type"));

    return value == NULL ? GW_STR("") : *value;
}

/* "utf-8" of `text/xml; charset="utf-8"`. */
static struct gw_str charset_of(struct gw_str type)
{
    const struct gw_str name = GW_STR("charset=");
    struct gw_str part;

    while (gw_str_split(&type, ';', &part)) {
        part = gw_str_trim(part);
        if (!gw_str_has_prefix_nocase(part, name))
            continue;
        part = gw_str_tail(part, name.len);
        if (part.len >= 2 && part.ptr[0] == '"' && part.ptr[part.len - 1] == '"')
            part = gw_str_from(part.ptr + 1, part.len - 2);
        return part;
    }
    return GW_STR("");
}

static bool is_xml(struct gw_str type)
{
    struct gw_str essence = gw_str_trim(gw_str_from(type.ptr, gw_str_find(type, ';')));

    return essence.len == 0 || gw_str_equal_nocase(essence, GW_STR("text/xml")) ||
           gw_str_equal_nocase(essence, GW_STR("application/xml")) ||
           gw_str_equal_nocase(essence, GW_STR("application/soap+xml"));
}

/* --- the body --------------------------------------------------------------------------------- */

/* No element has any text beside it, so that nothing is lost. */
static enum gw_connector_error read_result(const struct reading *reading,
                                           const struct soap_element *body)
{
    const struct soap_request *request = reading->request;
    const struct soap_element *child = body->first_child;

    if (request->expect.len == 0)
        return soap_body_read_children(reading->arena, &request->reading, body, reading->result) ==
                       0
                   ? GW_CONNECTOR_OK
                   : fail_memory(reading);
    for (; child != NULL; child = child->next) {
        struct gw_str key = soap_key(reading->arena, &request->names, "", &child->name);
        if (gw_str_equal(key, request->expect))
            break;
    }
    if (child == NULL)
        return fail_rubbish(reading, "the Body lacks the element of `expect`");
    return soap_body_read(reading->arena, &request->reading, child, reading->result) == 0
               ? GW_CONNECTOR_OK
               : fail_memory(reading);
}

static enum gw_connector_error read_fault(const struct reading *reading,
                                          const struct soap_fault *fault)
{
    const struct soap_settings *settings = reading->settings;
    enum gw_connector_error error = soap_fault_class(fault, settings->rules, settings->rule_count,
                                                     reading->answer->status, reading->is_write);

    return fail(reading, error, soap_fault_code(fault), fault->reason);
}

static enum gw_connector_error read_envelope(const struct reading *reading, struct gw_str charset)
{
    struct soap_envelope envelope;
    struct soap_fault fault;
    struct gw_error error = {0};
    int rc = soap_envelope_read(reading->arena, reading->answer->body, charset, &envelope, &error);

    if (rc == 0 && soap_fault_read(envelope.body, &fault))
        return read_fault(reading, &fault);
    enum gw_connector_error judged = judge(reading);
    if (judged != GW_CONNECTOR_OK)
        return judged;
    if (rc == -ENOMEM)
        return fail_memory(reading);
    return rc == 0 ? read_result(reading, envelope.body) : fail_rubbish(reading, error.text);
}

/* To a message that nobody answers (SOAP 1.1 over HTTP: WS-I Basic Profile 1.1, R2714). */
static enum gw_connector_error read_nothing(const struct reading *reading)
{
    if (reading->request->expect.len > 0)
        return fail_rubbish(reading, "the answer is empty");
    *reading->result = gw_value_null();
    return GW_CONNECTOR_OK;
}

enum gw_connector_error soap_answer_read(struct gw_arena *arena,
                                         const struct soap_settings *settings,
                                         const struct soap_request *request,
                                         const struct gw_call_answer *answer, bool is_write,
                                         struct gw_value *out_result,
                                         struct gw_connector_failure *out_failure)
{
    const struct reading reading = {arena,    settings,   request,    answer,
                                    is_write, out_result, out_failure};
    struct gw_str type = content_type(answer);

    if (answer->problem == NULL && answer->body.len > 0 && is_xml(type))
        return read_envelope(&reading, charset_of(type));
    enum gw_connector_error error = judge(&reading);
    if (error != GW_CONNECTOR_OK)
        return error;
    if (answer->status >= 300)
        return fail_rubbish(&reading, "the answer leads elsewhere");
    if (answer->body.len == 0)
        return read_nothing(&reading);
    return fail_rubbish(&reading,
                        gw_str_has_prefix_nocase(type, GW_STR("multipart/"))
                            ? "the answer has attachments (MTOM or SwA), which are not read"
                            : "the answer is no XML");
}
