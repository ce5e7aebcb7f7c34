/* `credentials` of a backend: what the gateway shows it in Authorization. */
#include <errno.h>

#include "server/core/buf.h"
#include "server/crypto/base64.h"
#include "server/crypto/random.h"
#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"
#include "server/http/identity_fields.h"
#include "server/net/address.h"

#define MS INT64_C(1000000)
#define SECOND (INT64_C(1000) * MS)
#define POINTER_BYTES 224
#define MAX_VALUE_BYTES 16384

static const struct gw_option client_options[] = {
    {.name = "token_url",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .flags = GW_OPTION_REQUIRED,
     .help = "The token endpoint: an https URL."},
    {.name = "client_id",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .flags = GW_OPTION_REQUIRED,
     .help = "Who the gateway is there."},
    {.name = "client_secret",
     .type = GW_SECRET,
     .min = 1,
     .max = 4096,
     .flags = GW_OPTION_REQUIRED,
     .help = "Its secret."},
    {.name = "auth",
     .type = GW_ENUM,
     .words = "basic post",
     .value = "basic",
     .help = "Where the secret stands: in Authorization, or in the form."},
    {.name = "scope",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .help = "Scopes to ask for, separated by spaces."},
    {.name = "audience", .type = GW_STRING, .min = 1, .max = 1024, .help = "Sent if given."},
    {.name = "resource",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .help = "Sent if given: the URI of what the token is for (RFC 8707)."},
    {.name = "timeout",
     .type = GW_DURATION,
     .min = 10 * MS,
     .max = 60 * SECOND,
     .value = "5s",
     .help = "Of one fetch, connection and all; requests wait as long for the first token."},
    {.name = "ca_file",
     .type = GW_FILE,
     .help = "Trusted for token_url instead of the system's authorities, PEM."},
    {.name = "allow_http",
     .type = GW_BOOL,
     .value = "false",
     .help = "Let the secret and the token go without TLS. Loopback addresses need no permission."},
    {0},
};

static const struct gw_option basic_options[] = {
    {.name = "user",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .flags = GW_OPTION_REQUIRED,
     .help = "The user, without a colon."},
    {.name = "password",
     .type = GW_SECRET,
     .min = 1,
     .max = 4096,
     .flags = GW_OPTION_REQUIRED,
     .help = "Its password."},
    {0},
};

const struct gw_option gw_config_credentials_options[] = {
    {.name = "client_credentials",
     .type = GW_OBJECT,
     .fields = client_options,
     .help = "A token by the client credentials grant (RFC 6749, section 4.4), fetched off the "
             "request path and ahead of its expiry."},
    {.name = "basic",
     .type = GW_OBJECT,
     .fields = basic_options,
     .help = "User and password (RFC 7617)."},
    {.name = "bearer",
     .type = GW_SECRET,
     .min = 1,
     .max = 8192,
     .help = "A token that does not change."},
    {0},
};

static bool is_loopback(struct gw_str host)
{
    struct gw_address address;

    if (gw_address_parse(host, &address) != 0)
        return false;
    if (address.any.sa_family == AF_INET)
        return ntohl(address.v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
}

static void fill_token_url(struct gw_config_loader *loader, const char *pointer,
                           const json_t *checked, struct gw_form_place *place)
{
    struct gw_str text = gw_config_text(checked, "token_url");
    struct gw_config_url url;
    struct gw_error error;

    if (text.ptr == NULL) /* was reported */
        return;
    if (gw_config_url_parse(text, &url, &error) != 0) {
        gw_config_fail(loader, pointer, "token_url %s", error.text);
        return;
    }
    place->origin.is_tls = gw_str_equal(url.scheme, GW_STR("https"));
    if (!place->origin.is_tls && !gw_str_equal(url.scheme, GW_STR("http")))
        gw_config_fail(loader, pointer, "token_url must begin with https://");
    else if (!place->origin.is_tls && !is_loopback(url.host) &&
             !json_is_true(json_object_get(checked, "allow_http")))
        gw_config_fail(loader, pointer,
                       "token_url must begin with https:// (only a loopback address may do "
                       "without, or set allow_http)");
    if (!place->origin.is_tls && place->origin.ca_pem.ptr != NULL)
        gw_config_fail(loader, pointer, "ca_file has no use with an http:// token_url");
    place->origin.host = url.host;
    place->origin.port = url.port != 0 ? url.port : place->origin.is_tls ? 443 : 80;
    place->authority = url.authority;
    place->target = url.path.len > 0 ? url.path : GW_STR("/");
}

static void fill_client(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                        struct gw_credentials_config *out)
{
    char inner[POINTER_BYTES + 40];

    snprintf(inner, sizeof(inner), "%s/client_credentials/token_url", pointer);
    out->is_fetched = true;
    out->place.client_id = gw_config_text(checked, "client_id");
    out->place.client_secret = gw_config_text(checked, "client_secret");
    out->place.auth = gw_str_equal(gw_config_text(checked, "auth"), GW_STR("post"))
                          ? GW_FORM_AUTH_POST
                          : GW_FORM_AUTH_BASIC;
    out->place.origin.ca_pem = gw_config_text(checked, "ca_file");
    out->scope = gw_config_text(checked, "scope");
    out->audience = gw_config_text(checked, "audience");
    out->resource = gw_config_text(checked, "resource");
    out->timeout_ns = gw_config_number(checked, "timeout");
    fill_token_url(loader, inner, checked, &out->place);
}

static int fill_basic(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                      struct gw_credentials_config *out)
{
    struct gw_str user = gw_config_text(checked, "user");
    char inner[POINTER_BYTES + 16];
    struct gw_buf pair, value;

    snprintf(inner, sizeof(inner), "%s/basic/user", pointer);
    if (gw_str_find(user, ':') < user.len)
        gw_config_fail(loader, inner, "user must not hold a colon (RFC 7617)");
    gw_buf_init(&pair, MAX_VALUE_BYTES);
    gw_buf_init(&value, MAX_VALUE_BYTES * 2);
    gw_buf_append_str(&pair, user);
    gw_buf_append_byte(&pair, ':');
    gw_buf_append_str(&pair, gw_config_text(checked, "password"));
    gw_buf_append_text(&value, "Basic ");
    gw_base64_append(&value, gw_buf_str(&pair));
    bool is_whole = !pair.has_failed && !value.has_failed;
    if (is_whole)
        out->fixed = gw_arena_copy(&loader->config->arena, gw_buf_str(&value));
    if (pair.ptr != NULL)
        gw_secret_wipe(pair.ptr, pair.capacity);
    if (value.ptr != NULL)
        gw_secret_wipe(value.ptr, value.capacity);
    gw_buf_finish(&pair);
    gw_buf_finish(&value);
    return is_whole && out->fixed.ptr != NULL ? 0 : -ENOMEM;
}

/* Visible ASCII (RFC 6749, appendix A.12). */
static bool is_token(struct gw_str token)
{
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] <= 0x20 || token.ptr[i] >= 0x7f)
            return false;
    }
    return token.len > 0;
}

static int fill_bearer(struct gw_config_loader *loader, const char *pointer, struct gw_str token,
                       struct gw_credentials_config *out)
{
    char inner[POINTER_BYTES + 16];

    snprintf(inner, sizeof(inner), "%s/bearer", pointer);
    if (!is_token(token))
        gw_config_fail(loader, inner,
                       "bearer must be visible ASCII (does its file end in several lines?)");
    out->fixed = gw_arena_printf(&loader->config->arena, "Bearer %.*s", GW_STR_ARG(token));
    return out->fixed.ptr != NULL ? 0 : -ENOMEM;
}

static void check_alone(struct gw_config_loader *loader, const char *pointer,
                        const struct gw_config_backend *backend)
{
    if (backend->send_bearer)
        gw_config_fail(loader, pointer,
                       "credentials and send_bearer both set Authorization: give one of them");
    for (size_t i = 0; i < backend->header_count; i++) {
        if (gw_field_is_alike(backend->headers[i].name, GW_STR("authorization")))
            gw_config_fail(loader, pointer,
                           "credentials and headers both set Authorization: give one of them");
    }
}

int gw_config_fill_credentials(struct gw_config_loader *loader, const char *backend_pointer,
                               const json_t *checked, struct gw_config_backend *backend)
{
    const json_t *client = json_object_get(checked, "client_credentials");
    const json_t *basic = json_object_get(checked, "basic");
    struct gw_str bearer = gw_config_text(checked, "bearer");
    struct gw_credentials_config *out = &backend->credentials;
    char pointer[POINTER_BYTES];

    if (!json_is_object(checked))
        return 0;
    snprintf(pointer, sizeof(pointer), "%.*s/credentials", POINTER_BYTES - 16, backend_pointer);
    if (json_is_object(client) + json_is_object(basic) + (bearer.ptr != NULL) != 1)
        gw_config_fail(loader, pointer,
                       "exactly one of client_credentials, basic and bearer must be given");
    check_alone(loader, pointer, backend);
    if (json_is_object(client))
        fill_client(loader, pointer, client, out);
    if (json_is_object(basic))
        return fill_basic(loader, pointer, basic, out);
    return bearer.ptr != NULL ? fill_bearer(loader, pointer, bearer, out) : 0;
}
