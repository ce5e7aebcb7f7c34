#include "server/connector/soap/request.h"

#include <errno.h>

#include "server/connector/soap/template.h"
#include "server/core/arena.h"
#include "server/core/buf.h"

#define MAX_OPERATION_BYTES 1024

struct maker {
    struct gw_arena *arena;
    const struct soap_settings *settings;
    const struct gw_value *arguments, *outer;
    struct soap_request *request;
    struct gw_error *error;
};

/* NULL: it is not given, or null. */
static const struct gw_value *argument(const struct gw_value *arguments, const char *name)
{
    const struct gw_value *value = gw_value_member(arguments, gw_str_of(name));

    return value == NULL || value->type == GW_JSON_NULL ? NULL : value;
}

static const struct gw_value *inherited(const struct maker *maker, const char *name)
{
    const struct gw_value *own = argument(maker->arguments, name);

    return own != NULL ? own : argument(maker->outer, name);
}

/* --- the arguments ---------------------------------------------------------------------------- */

static int read_version(struct maker *maker)
{
    const struct gw_value *value = inherited(maker, "version");

    maker->request->version = maker->settings->version;
    if (value == NULL)
        return 0;
    bool has_text = value->type == GW_JSON_STRING || value->type == GW_JSON_NUMBER;
    if (has_text && gw_str_equal(value->text, GW_STR("1.1")))
        maker->request->version = SOAP_1_1;
    else if (has_text && gw_str_equal(value->text, GW_STR("1.2")))
        maker->request->version = SOAP_1_2;
    else
        return gw_error_set(maker->error, -EINVAL, "`version` must be 1.1 or 1.2");
    return 0;
}

static bool is_target(struct gw_str path)
{
    if (path.len == 0 || path.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] <= 0x20 || path.ptr[i] >= 0x7f || path.ptr[i] == '#')
            return false;
    }
    return true;
}

static int read_path(struct maker *maker)
{
    const struct gw_value *value = inherited(maker, "path");

    maker->request->path = maker->settings->path;
    if (value != NULL)
        maker->request->path = value->type == GW_JSON_STRING ? value->text : GW_STR("");
    if (!is_target(maker->request->path))
        return gw_error_set(maker->error, -EINVAL,
                            "`path` must begin with a slash and be percent-encoded");
    return 0;
}

static int read_names(struct maker *maker)
{
    struct soap_names *names = &maker->request->names;

    *names = maker->settings->names;
    int rc = soap_names_add_all(names, argument(maker->outer, "namespaces"), maker->error);
    if (rc == 0)
        rc = soap_names_add_all(names, argument(maker->arguments, "namespaces"), maker->error);
    maker->request->reading.names = names;
    return rc;
}

static int read_arrays(struct maker *maker)
{
    const struct gw_value *list = argument(maker->arguments, "arrays");
    struct soap_reading *reading = &maker->request->reading;

    if (list == NULL)
        return 0;
    if (list->type != GW_JSON_ARRAY || list->count > SOAP_MAX_ARRAYS)
        return gw_error_set(maker->error, -EINVAL, "`arrays` is no list of at most %d names",
                            SOAP_MAX_ARRAYS);
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i].type != GW_JSON_STRING)
            return gw_error_set(maker->error, -EINVAL, "`arrays` holds what is no name");
        reading->arrays[reading->array_count++] = list->items[i].text;
    }
    return 0;
}

static int read_expect(struct maker *maker)
{
    const struct gw_value *expect = argument(maker->arguments, "expect");

    if (expect == NULL)
        return 0;
    if (expect->type != GW_JSON_STRING || !soap_is_name(&maker->request->names, expect->text))
        return gw_error_set(maker->error, -EINVAL, "`expect` is no element's name");
    maker->request->expect = expect->text;
    return 0;
}

/* --- the fields ------------------------------------------------------------------------------- */

static void add_field(struct soap_request *request, struct gw_str name, struct gw_str value)
{
    request->fields[request->field_count++] = (struct gw_field){name, value};
}

static bool is_quotable(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] >= 0x7f || text.ptr[i] == '"' || text.ptr[i] == '\\')
            return false;
    }
    return text.len <= MAX_OPERATION_BYTES;
}

/* SOAP 1.1, section 6.1.1; RFC 3902, section 2. */
static int add_fields(struct maker *maker)
{
    struct gw_str operation = gw_value_member_text(maker->arguments, GW_STR("operation"));
    struct soap_request *request = maker->request;
    bool is_1_1 = request->version == SOAP_1_1;

    if (operation.ptr == NULL || !is_quotable(operation))
        return gw_error_set(maker->error, -EINVAL,
                            "`operation` is no text that can stand in a field");
    struct gw_str quoted = gw_arena_printf(maker->arena, "\"%.*s\"", GW_STR_ARG(operation));
    if (quoted.ptr == NULL)
        return -ENOMEM;
    if (is_1_1) {
        add_field(request, GW_STR("Content-Type"), GW_STR("text/xml; charset=utf-8"));
        add_field(request, GW_STR("SOAPAction"), quoted);
        add_field(request, GW_STR("Accept"), GW_STR("text/xml"));
        return 0;
    }
    struct gw_str type =
        operation.len == 0
            ? GW_STR("application/soap+xml; charset=utf-8")
            : gw_arena_printf(maker->arena, "application/soap+xml; charset=utf-8; action=%.*s",
                              GW_STR_ARG(quoted));
    if (type.ptr == NULL)
        return -ENOMEM;
    add_field(request, GW_STR("Content-Type"), type);
    add_field(request, GW_STR("Accept"), GW_STR("application/soap+xml"));
    return 0;
}

/* --- the message ------------------------------------------------------------------------------ */

static int write_elements(struct maker *maker, struct gw_buf *out, const char *name)
{
    const struct gw_value *object = argument(maker->arguments, name);
    int rc =
        object == NULL ? 0 : soap_body_write(out, &maker->request->names, object, maker->error);

    return rc == 0 ? 0 : gw_error_prefix(maker->error, rc, "`%s`", name);
}

static int write_content(struct maker *maker, struct gw_buf *out)
{
    const struct gw_value *text = argument(maker->arguments, "template");

    if (text == NULL)
        return write_elements(maker, out, "body");
    if (argument(maker->arguments, "body") != NULL)
        return gw_error_set(maker->error, -EINVAL, "`body` and `template` exclude each other");
    if (text->type != GW_JSON_STRING)
        return gw_error_set(maker->error, -EINVAL, "`template` is no text");
    int rc =
        soap_template_fill(out, text->text, argument(maker->arguments, "values"), maker->error);
    return rc == 0 ? 0 : gw_error_prefix(maker->error, rc, "`template`");
}

static int write_message(struct maker *maker, struct gw_buf *out, const struct soap_stamp *stamp)
{
    soap_envelope_begin(out, maker->request->version, &maker->request->names);
    soap_security_write(out, &maker->settings->security, stamp->nonce, stamp->now_ns);
    int rc = write_elements(maker, out, "headers");
    soap_envelope_begin_body(out);
    if (rc == 0)
        rc = write_content(maker, out);
    soap_envelope_end(out);
    if (rc == 0 && out->has_failed)
        rc = -ENOMEM;
    return rc;
}

/* A template is somebody's text: what it says is read as the backend will read it. */
static int check_message(struct maker *maker)
{
    struct soap_envelope envelope;

    if (argument(maker->arguments, "template") == NULL)
        return 0;
    int rc =
        soap_envelope_read(maker->arena, maker->request->body, GW_STR(""), &envelope, maker->error);
    if (rc == 0 && envelope.body->next != NULL)
        rc = gw_error_set(maker->error, -EINVAL, "it leaves the Body");
    return rc == 0 ? 0 : gw_error_prefix(maker->error, rc, "`template`");
}

static int make_message(struct maker *maker, const struct soap_stamp *stamp)
{
    struct gw_buf buf;

    gw_buf_init(&buf, SOAP_MAX_MESSAGE_BYTES);
    int rc = write_message(maker, &buf, stamp);
    if (rc == 0) {
        maker->request->body = gw_arena_copy(maker->arena, gw_buf_str(&buf));
        rc = maker->request->body.ptr == NULL ? -ENOMEM : 0;
    }
    gw_buf_finish(&buf);
    return rc == 0 ? check_message(maker) : rc;
}

int soap_request_make(struct gw_arena *arena, const struct soap_settings *settings,
                      const struct gw_value *arguments, const struct gw_value *outer,
                      const struct soap_stamp *stamp, struct soap_request *out_request,
                      struct gw_error *error)
{
    struct maker maker = {arena, settings, arguments, outer, out_request, error};

    *out_request = (struct soap_request){0};
    int rc = read_version(&maker);
    if (rc == 0)
        rc = read_path(&maker);
    if (rc == 0)
        rc = read_names(&maker);
    if (rc == 0)
        rc = read_arrays(&maker);
    if (rc == 0)
        rc = read_expect(&maker);
    if (rc == 0)
        rc = add_fields(&maker);
    return rc == 0 ? make_message(&maker, stamp) : rc;
}
