#include "headers.h"

#include <errno.h>
#include <stdlib.h>

#include "claim_header.h"

static const struct gw_option headers_options[] = {
    {.name = "claims",
     .type = GW_MAP,
     .max = 32,
     .value = "{}",
     .help = "Claims of the verified token that the backend gets: claim name, and the field's name "
             "(`sub: X-Consumer`)."},
    {.name = "remove",
     .type = GW_LIST,
     .max = 64,
     .value = "[]",
     .help = "Further request fields that no caller may send on."},
    {0},
};

struct claim_field {
    struct gw_str claim, field;
};

struct headers {
    struct claim_field *claims;
    size_t claim_count;
    struct gw_str *removed;
    size_t removed_count;
};

static void headers_destroy(void *self)
{
    struct headers *headers = self;

    if (headers == NULL)
        return;
    free(headers->claims);
    free(headers->removed);
    free(headers);
}

static bool is_field_name(const char *name)
{
    return name[0] != '\0' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789-_")] == '\0';
}

static int read_claims(struct headers *headers, const json_t *claims, struct gw_error *error)
{
    const char *claim;
    json_t *field;

    json_object_foreach((json_t *)claims, claim, field)
    {
        const char *name = json_string_value(field);
        if (!is_field_name(name))
            return gw_error_set_at(error, -EINVAL, "/claims", "\"%s\" is no field name", name);
        headers->claims[headers->claim_count++] =
            (struct claim_field){gw_str_of(claim), gw_str_of(name)};
    }
    return 0;
}

static int headers_create(const json_t *config, void **out_self, struct gw_error *error)
{
    const json_t *claims = json_object_get(config, "claims");
    const json_t *removed = json_object_get(config, "remove");
    struct headers *headers = calloc(1, sizeof(*headers));

    if (headers == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    headers->claims = calloc(json_object_size(claims) + 1, sizeof(*headers->claims));
    headers->removed = calloc(json_array_size(removed) + 1, sizeof(*headers->removed));
    int rc = headers->claims == NULL || headers->removed == NULL
                 ? gw_error_set(error, -ENOMEM, "out of memory")
                 : read_claims(headers, claims, error);
    if (rc != 0) {
        headers_destroy(headers);
        return rc;
    }
    headers->removed_count = json_array_size(removed);
    for (size_t i = 0; i < headers->removed_count; i++)
        headers->removed[i] = gw_str_of(json_string_value(json_array_get(removed, i)));
    *out_self = headers;
    return 0;
}

/* A caller that sent the field itself must not be believed, proved identity or not. */
static enum gw_verdict headers_on_request(void *self, struct gw_exchange *ex)
{
    const struct headers *headers = self;

    for (size_t i = 0; i < headers->removed_count; i++)
        gw_request_remove_field(ex, headers->removed[i]);
    for (size_t i = 0; i < headers->claim_count; i++) {
        const struct claim_field *claim = &headers->claims[i];
        struct gw_str value;
        gw_request_remove_field(ex, claim->field);
        if (ex->identity.claims.len == 0)
            continue;
        int rc = claim_header_value(&ex->arena, ex->identity.claims, claim->claim, &value);
        if (rc == -EINVAL)
            return gw_exchange_reject(ex, "forbidden", "A claim of the token cannot be passed on.",
                                      0);
        if (rc == -ENOMEM || (rc == 0 && gw_request_add_field(ex, claim->field, value) != 0))
            return GW_FAIL;
    }
    return GW_NEXT;
}

const struct gw_filter_type gw_headers = {
    .name = "headers",
    .options = headers_options,
    .create = headers_create,
    .destroy = headers_destroy,
    .on_request = headers_on_request,
};
