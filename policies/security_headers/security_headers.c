#include "policies/security_headers/security_headers.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"

static const struct gw_option security_headers_options[] = {
    {.name = "enabled",
     .type = GW_BOOL,
     .value = "false",
     .help = "Adds X-Content-Type-Options, Content-Security-Policy and Referrer-Policy to every "
             "answer that has none of its own."},
    {.name = "content_security_policy",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .value = "default-src 'none'; frame-ancestors 'none'",
     .help = "For an API that serves no pages, nothing may be loaded."},
    {.name = "referrer_policy",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .value = "no-referrer",
     .help = "What pages tell others of where they came from."},
    {.name = "hsts",
     .type = GW_DURATION,
     .max = (int64_t)(730 * 86400 * GW_NS_PER_SECOND),
     .value = "0s",
     .help =
         "Strict-Transport-Security on answers over TLS, for so long (RFC 6797); 0 sends none."},
    {0},
};

struct security_headers {
    bool is_enabled;
    char *policy, *referrer;
    char hsts[48]; /* the value; empty: none */
};

static void security_headers_destroy(void *self)
{
    struct security_headers *headers = self;

    if (headers == NULL)
        return;
    free(headers->policy);
    free(headers->referrer);
    free(headers);
}

static int security_headers_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct security_headers *headers = calloc(1, sizeof(*headers));
    json_int_t hsts_ns = json_integer_value(json_object_get(config, "hsts"));

    if (headers == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    headers->is_enabled = json_is_true(json_object_get(config, "enabled"));
    headers->policy = strdup(json_string_value(json_object_get(config, "content_security_policy")));
    headers->referrer = strdup(json_string_value(json_object_get(config, "referrer_policy")));
    if (hsts_ns > 0)
        snprintf(headers->hsts, sizeof(headers->hsts), "max-age=%lld",
                 (long long)(hsts_ns / (json_int_t)GW_NS_PER_SECOND));
    if (headers->policy == NULL || headers->referrer == NULL) {
        security_headers_destroy(headers);
        return gw_error_set(error, -ENOMEM, "out of memory");
    }
    *out_self = headers;
    return 0;
}

static int add(struct gw_exchange *ex, struct gw_str name, const char *value)
{
    if (gw_response_field(ex, name) != NULL)
        return 0;
    struct gw_str copy = gw_arena_copy(&ex->arena, gw_str_of(value)); /* may outlive the policy */
    return copy.ptr == NULL ? -ENOMEM : gw_response_add_field(ex, name, copy);
}

static enum gw_verdict security_headers_on_response(void *self, struct gw_exchange *ex)
{
    const struct security_headers *headers = self;
    int rc = 0;

    if (headers->is_enabled) {
        rc = add(ex, GW_STR("X-Content-Type-Options"), "nosniff");
        if (rc == 0)
            rc = add(ex, GW_STR("Content-Security-Policy"), headers->policy);
        if (rc == 0)
            rc = add(ex, GW_STR("Referrer-Policy"), headers->referrer);
    }
    if (rc == 0 && headers->hsts[0] != '\0' && ex->request.is_tls) {
        gw_response_remove_field(ex, GW_STR("Strict-Transport-Security"));
        rc = add(ex, GW_STR("Strict-Transport-Security"), headers->hsts);
    }
    return rc == 0 ? GW_NEXT : GW_FAIL;
}

const struct gw_filter_type gw_security_headers = {
    .name = "security_headers",
    .options = security_headers_options,
    .create = security_headers_create,
    .destroy = security_headers_destroy,
    .on_response = security_headers_on_response,
};
