#include "policies/jwt/introspect_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies/jwt/discovery.h"
#include "server/core/clock.h"

#define MS ((int64_t)GW_NS_PER_MS)
#define SECOND ((int64_t)GW_NS_PER_SECOND)
#define MAX_CONNECTIONS 64

const struct gw_option jwt_introspection_options[] = {
    {"url", GW_STRING, 1, DISCOVERY_MAX_URL_BYTES, NULL, "The endpoint: an https URL.",
     .flags = GW_OPTION_REQUIRED},
    {"client_id", GW_STRING, 1, 1024, NULL, "Who the gateway is there.",
     .flags = GW_OPTION_REQUIRED},
    {"client_secret", GW_SECRET, 1, 4096, NULL, "Its secret.", .flags = GW_OPTION_REQUIRED},
    {"auth", GW_ENUM, 0, 0, "basic", "Where the secret stands: in Authorization, or in the form.",
     .words = "basic post"},
    {"always", GW_BOOL, 0, 0, "false",
     "Ask about JWTs of the issuer, too, after their signature was verified."},
    {"timeout", GW_DURATION, 10 * MS, 10 * SECOND, "1s", "How long a request may wait for it."},
    {"cache", GW_DURATION, 0, 3600 * SECOND, "60s",
     "How long an active token is not asked about again: a revocation is seen that much later. "
     "Whole seconds count."},
    {"cache_bytes", GW_BYTES, 64 << 10, 1 << 28, "4MiB", "Per worker, for what was answered."},
    {"needs_audience", GW_BOOL, 0, 0, "true",
     "Refuse a token whose answer names no aud; one that it names must be ours in any case."},
    {"token_prefix", GW_STRING, 1, 64, NULL,
     "What the issuer's opaque tokens begin with; others are not sent to it."},
    {0},
};

static struct gw_str get_string(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return gw_str_from(json_string_value(value), json_string_length(value));
}

static int read_form(struct introspect_config *config)
{
    const json_t *required = json_object_get(config->options, "required_claims");
    size_t count = json_array_size(required);
    struct gw_str *names = calloc(count + 1, sizeof(*names));

    if (names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        names[i] = gw_str_of(json_string_value(json_array_get(required, i)));
    config->form = (struct claims_form){
        .scope_claim = get_string(config->options, "scope_claim"),
        .required = names,
        .required_count = count,
        .client_is_subject = true,
    };
    return 0;
}

static int read_place(struct introspect_config *config, const json_t *own, struct gw_error *error)
{
    bool allows_http = json_is_true(json_object_get(config->options, "allow_http"));
    struct discovery_place url;
    struct gw_error why;
    int rc = discovery_place_parse(get_string(own, "url"), allows_http, &url, &why);

    if (rc != 0)
        return gw_error_set_at(error, rc, "/introspection/url", "url %s", why.text);
    config->place = (struct gw_form_place){
        .origin =
            {
                .host = url.host,
                .port = url.port,
                .is_tls = url.is_tls,
                .ca_pem = url.is_tls ? get_string(config->options, "ca_file") : GW_STR(""),
                .max_connections = MAX_CONNECTIONS,
            },
        .authority = url.authority,
        .target = url.target,
        .client_id = get_string(own, "client_id"),
        .client_secret = get_string(own, "client_secret"),
        .auth = gw_str_equal(get_string(own, "auth"), GW_STR("post")) ? GW_FORM_AUTH_POST
                                                                      : GW_FORM_AUTH_BASIC,
    };
    return 0;
}

int introspect_config_init(struct introspect_config *config, struct gw_str name,
                           const json_t *options, struct gw_error *error)
{
    const json_t *own = json_object_get(options, "introspection");

    *config = (struct introspect_config){
        .name = name,
        .options = options,
        .timeout_ns = (uint64_t)json_integer_value(json_object_get(own, "timeout")),
        .cache_s = json_integer_value(json_object_get(own, "cache")) / SECOND,
        .cache_bytes = (size_t)json_integer_value(json_object_get(own, "cache_bytes")),
        .prefix = get_string(own, "token_prefix"),
        .asks_always = json_is_true(json_object_get(own, "always")),
        .needs_audience = json_is_true(json_object_get(own, "needs_audience")),
    };
    if (read_form(config) != 0)
        return gw_error_set(error, -ENOMEM, "no memory");
    return read_place(config, own, error);
}

void introspect_config_finish(struct introspect_config *config)
{
    free((struct gw_str *)config->form.required);
    memset(config, 0, sizeof(*config));
}
