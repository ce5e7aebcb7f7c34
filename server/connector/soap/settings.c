#include "server/connector/soap/settings.h"

#include <errno.h>

#include "server/connector/soap/text.h"
#include "server/net/address.h"
#include "server/upstream/backend.h"

#define FAULT_CLASSES "conflict denied gone in-doubt not-found refused unavailable"

const struct gw_option soap_options[] = {
    {.name = "version",
     .type = GW_ANY,
     .value = "1.1",
     .help = "Of SOAP, 1.1 or 1.2, where a call does not say otherwise."},
    {.name = "path",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .value = "/",
     .help = "Where the service is, below the backend's URL, where a call does not say otherwise."},
    {.name = "namespace",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .help = "Of names without a prefix. Left out: they are in none."},
    {.name = "namespaces",
     .type = GW_MAP,
     .max = SOAP_MAX_PREFIXES,
     .help = "Prefix and namespace of all others, for requests and answers."},
    {.name = "username",
     .type = GW_STRING,
     .min = 1,
     .max = 256,
     .help = "Of the WS-Security user name token. Left out: none is sent."},
    {.name = "password", .type = GW_SECRET, .min = 1, .max = 1024, .help = "That user's."},
    {.name = "password_type",
     .type = GW_ENUM,
     .words = "digest text",
     .value = "digest",
     .help = "How it is sent. `text` needs TLS, unless the backend is on this machine."},
    {.name = "timestamp",
     .type = GW_BOOL,
     .value = "false",
     .help = "Whether messages say when they were made, and that they are valid for 5 minutes."},
    {.name = "faults",
     .type = GW_MAP,
     .max = SOAP_MAX_FAULT_RULES,
     .help = "What a fault means, by the name of its detail, its subcode or its code: one of "
             "" FAULT_CLASSES "."},
    {.name = "maxAnswer",
     .type = GW_BYTES,
     .min = 1024,
     .max = 64 << 20,
     .value = "2MiB",
     .help = "The largest answer that is read; as values it takes ten times the memory."},
    {0},
};

static struct gw_str text_of(const json_t *config, const char *name)
{
    const json_t *value = json_object_get(config, name);

    return gw_str_from(json_string_value(value), json_string_length(value));
}

/* A number or a text: YAML takes it for a number. */
static int read_version(const json_t *config, enum soap_version *out_version,
                        struct gw_error *error)
{
    const json_t *value = json_object_get(config, "version");
    struct gw_str text = gw_str_from(json_string_value(value), json_string_length(value));
    int tenths = json_is_number(value) ? (int)(json_number_value(value) * 10 + 0.5) : 0;

    if (value == NULL || tenths == 11 || gw_str_equal(text, GW_STR("1.1")))
        *out_version = SOAP_1_1;
    else if (tenths == 12 || gw_str_equal(text, GW_STR("1.2")))
        *out_version = SOAP_1_2;
    else
        return gw_error_set_at(error, -EINVAL, "/version", "version must be 1.1 or 1.2");
    return 0;
}

/* --- names ------------------------------------------------------------------------------------ */

static int read_names(const json_t *config, struct soap_names *names, struct gw_error *error)
{
    const char *prefix;
    json_t *uri;
    int rc = 0;

    names->default_uri = text_of(config, "namespace");
    json_object_foreach(json_object_get(config, "namespaces"), prefix, uri)
    {
        if (prefix[0] == '\0')
            rc = gw_error_set(error, -EINVAL, "the namespace without a prefix is `namespace`");
        else
            rc =
                soap_names_add(names, gw_str_of(prefix),
                               gw_str_from(json_string_value(uri), json_string_length(uri)), error);
        if (rc != 0)
            return gw_error_prefix(error, rc, "namespaces");
    }
    return 0;
}

/* --- faults ----------------------------------------------------------------------------------- */

/* OK: there is none of that name, or it cannot be meant. */
static enum gw_connector_error class_of(struct gw_str name)
{
    struct gw_str rest = GW_STR(FAULT_CLASSES), word;

    while (gw_str_split(&rest, ' ', &word)) {
        for (int i = GW_CONNECTOR_OK + 1; i < GW_CONNECTOR_ERROR_COUNT; i++) {
            const char *known = gw_connector_error_row((enum gw_connector_error)i)->name;
            if (gw_str_equal(word, name) && gw_str_equal(name, gw_str_of(known)))
                return (enum gw_connector_error)i;
        }
    }
    return GW_CONNECTOR_OK;
}

static int read_rules(const json_t *config, struct soap_settings *settings, struct gw_error *error)
{
    const char *name;
    json_t *class;

    json_object_foreach(json_object_get(config, "faults"), name, class)
    {
        enum gw_connector_error of = class_of(gw_str_of(json_string_value(class)));
        if (of == GW_CONNECTOR_OK || settings->rule_count == SOAP_MAX_FAULT_RULES)
            return gw_error_set_at(error, -EINVAL, "/faults",
                                   "the fault \"%s\" must be one of " FAULT_CLASSES, name);
        settings->rules[settings->rule_count++] = (struct soap_fault_rule){gw_str_of(name), of};
    }
    return 0;
}

/* --- the password ----------------------------------------------------------------------------- */

static bool is_loopback(const struct gw_http_origin_config *origin)
{
    struct gw_address address;

    if (origin->unix_path.len > 0 || gw_str_equal_nocase(origin->host, GW_STR("localhost")))
        return true;
    if (gw_address_parse(origin->host, &address) != 0)
        return false;
    if (address.any.sa_family == AF_INET)
        return ntohl(address.v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
}

static int check_targets(const struct gw_backend_config *backend, struct gw_error *error)
{
    for (size_t i = 0; i < backend->target_count; i++) {
        const struct gw_http_origin_config *origin = &backend->targets[i].origin;
        if (!origin->is_tls && !is_loopback(origin))
            return gw_error_set_at(error, -EINVAL, "/password_type",
                                   "a password as text to %.*s without TLS can be read on the way",
                                   GW_STR_ARG(origin->host));
    }
    return 0;
}

static int read_security(const json_t *config, const struct gw_backend_config *backend,
                         struct soap_security *security, struct gw_error *error)
{
    *security = (struct soap_security){
        .user = text_of(config, "username"),
        .password = text_of(config, "password"),
        .is_digest = gw_str_equal(text_of(config, "password_type"), GW_STR("digest")),
        .has_timestamp = json_is_true(json_object_get(config, "timestamp")),
    };
    if ((security->user.len > 0) != (security->password.len > 0))
        return gw_error_set(error, -EINVAL, "username and password go together");
    if (!soap_is_text(security->user) || !soap_is_text(security->password))
        return gw_error_set_at(error, -EINVAL, "/password",
                               "username and password must be text that XML can say");
    if (security->user.len > 0 && !security->is_digest && backend != NULL)
        return check_targets(backend, error);
    return 0;
}

int soap_settings_read(const json_t *config, const struct gw_backend_config *backend,
                       struct soap_settings *out_settings, struct gw_error *error)
{
    struct soap_settings settings = {
        .path = text_of(config, "path"),
        .max_answer_bytes = (size_t)json_integer_value(json_object_get(config, "maxAnswer")),
    };

    if (settings.path.len == 0 || settings.path.ptr[0] != '/')
        return gw_error_set_at(error, -EINVAL, "/path", "path must begin with a slash");
    int rc = read_version(config, &settings.version, error);
    if (rc == 0)
        rc = read_names(config, &settings.names, error);
    if (rc == 0)
        rc = read_rules(config, &settings, error);
    if (rc == 0)
        rc = read_security(config, backend, &settings.security, error);
    if (rc == 0)
        *out_settings = settings;
    return rc;
}
