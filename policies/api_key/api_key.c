#include "policies/api_key/api_key.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/api_key/known_key.h"
#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/core/map.h"
#include "server/crypto/api_key.h"
#include "server/filter/worker.h"
#include "server/http/identity_fields.h"
#include "server/observe/metrics.h"

#define MAX_SCHEMES 64

static const struct gw_option scheme_options[] = {
    {"header", GW_STRING, 1, 64, "X-API-Key", "The field that carries the key."},
    {"grants", GW_LIST, 0, 256, "[]",
     "The namespaces of APIs whose documents may name this: /<layer>/<name>, or with * for a "
     "part."},
    {0},
};

static const struct gw_option api_key_options[] = {
    {"api_keys", GW_SECTION, 0, MAX_SCHEMES, NULL,
     "Kinds of API keys, by name; the keys themselves are made by `millgate key create`.",
     .fields = scheme_options},
    {"realm", GW_STRING, 1, 64, "millgate", "The realm in WWW-Authenticate."},
    {0},
};

struct scheme {
    struct gw_str name, header;
};

struct api_key { /* one per worker */
    struct scheme *schemes;
    size_t scheme_count;
    struct gw_map by_name;
    struct gw_str realm;
};

static const struct gw_metric accepted = {"millgate_api_key_total", "API keys shown, by result.",
                                          "result=\"accepted\"", false};
static const struct gw_metric refused = {"millgate_api_key_total", "API keys shown, by result.",
                                         "result=\"refused\"", false};
static const struct gw_metric unknowable = {"millgate_api_key_total", "API keys shown, by result.",
                                            "result=\"unknowable\"", false};

static void count(const struct gw_exchange *ex, const struct gw_metric *metric)
{
    if (ex->worker != NULL)
        gw_metrics_add(ex->worker->metrics, metric, 1);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* One text for all that is wrong with a key: whether it exists is nobody's business. The reason is
 * for the operator. */
static enum gw_verdict refuse(const struct api_key *self, struct gw_exchange *ex,
                              const char *reason)
{
    struct gw_str challenge =
        gw_arena_printf(&ex->arena, "ApiKey realm=\"%.*s\"", GW_STR_ARG(self->realm));

    count(ex, &refused);
    ex->record.detail = gw_str_of(reason);
    enum gw_verdict verdict =
        gw_exchange_reject(ex, "unauthorized", "The API key is not valid.", 0);
    if (challenge.ptr != NULL &&
        gw_response_add_field(ex, GW_STR("WWW-Authenticate"), challenge) != 0)
        ex->must_close = true;
    return verdict;
}

/* Everything is copied: the record may go before the exchange ends. */
static enum gw_verdict identify(struct gw_exchange *ex, const struct scheme *scheme,
                                const struct known_key *known)
{
    struct gw_identity *identity = gw_exchange_add_credential(ex);
    struct gw_str full = gw_arena_printf(&ex->arena, "%.*s:%.*s", GW_STR_ARG(scheme->name),
                                         GW_STR_ARG(known->consumer));

    if (identity == NULL || full.ptr == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    identity->consumer = full;
    identity->issuer = gw_str_from(full.ptr, scheme->name.len);
    identity->subject = gw_str_tail(full, scheme->name.len + 1);
    identity->scopes = known->scopes;
    identity->plan = known->plan;
    identity->expires_at_s = known->not_after_s;
    count(ex, &accepted);
    return GW_NEXT;
}

/* --- judging ---------------------------------------------------------------------------------- */

/* The one field of that name; ptr NULL: none. False: several. */
static bool find_key(const struct gw_exchange *ex, struct gw_str header, struct gw_str *out_key)
{
    size_t found = 0;

    *out_key = (struct gw_str){NULL, 0};
    for (size_t i = 0; i < ex->request.field_count; i++) {
        const struct gw_field *field = &ex->request.fields[i];
        if (!gw_str_equal_nocase(field->name, header))
            continue;
        *out_key = field->value;
        found++;
    }
    return found <= 1;
}

static enum gw_verdict judge(const struct api_key *self, struct gw_exchange *ex,
                             const struct scheme *scheme)
{
    const struct gw_record_set *records = ex->worker == NULL ? NULL : ex->worker->records;
    struct known_key known;
    struct gw_str key;

    if (!find_key(ex, scheme->header, &key))
        return refuse(self, ex, "api_key: the field stands more than once");
    if (key.ptr == NULL)
        return GW_NEXT;
    if (records == NULL || !gw_record_set_is_known(records)) {
        count(ex, &unknowable);
        return gw_exchange_reject(ex, "unavailable", "Which keys are valid is not known yet.",
                                  GW_NS_PER_SECOND);
    }
    const char *wrong = known_key_find(records, &ex->arena, scheme->name, key,
                                       ex->wall_ns / GW_NS_PER_SECOND, &known);
    if (wrong != NULL)
        return refuse(self, ex, wrong);
    /* It was for us: the backend does not get it. */
    gw_request_remove_field(ex, scheme->header);
    return identify(ex, scheme, &known);
}

/* A key of ours that the operation does not ask for proves nothing here, and is not for its backend
 * either, which could call others with it. What a backend itself takes for a key passes. */
static void drop_strays(const struct api_key *self, struct gw_exchange *ex)
{
    for (size_t i = 0; i < self->scheme_count; i++) {
        const struct gw_str header = self->schemes[i].header;
        bool is_ours = false;
        for (size_t k = 0; k < ex->request.field_count && !is_ours; k++) {
            const struct gw_field *field = &ex->request.fields[k];
            is_ours = gw_field_is_alike(field->name, header) &&
                      gw_str_has_prefix(gw_str_trim(field->value), GW_STR(GW_API_KEY_PREFIX));
        }
        if (is_ours)
            gw_request_remove_field(ex, header);
    }
}

static enum gw_verdict api_key_on_request(void *own, struct gw_exchange *ex)
{
    const struct api_key *self = own;
    const struct gw_operation *operation = ex->operation;
    enum gw_verdict verdict = GW_NEXT;
    uint64_t asked = 0;

    if (self->scheme_count == 0 || operation == NULL)
        return GW_NEXT;
    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        for (size_t k = 0; k < alternative->scheme_count && verdict == GW_NEXT; k++) {
            const struct gw_security_scheme *wanted = &alternative->schemes[k];
            const struct scheme *scheme =
                wanted->kind == GW_SCHEME_API_KEY ? gw_map_get(&self->by_name, wanted->name) : NULL;
            uint64_t bit = scheme == NULL ? 0 : UINT64_C(1) << (scheme - self->schemes);
            if (scheme == NULL || (asked & bit) != 0)
                continue;
            asked |= bit;
            verdict = judge(self, ex, scheme);
        }
    }
    if (verdict == GW_NEXT)
        drop_strays(self, ex);
    return verdict;
}

/* --- making ----------------------------------------------------------------------------------- */

static void api_key_destroy(void *own)
{
    struct api_key *self = own;

    if (self == NULL)
        return;
    gw_map_finish(&self->by_name);
    free(self->schemes);
    free(self);
}

static struct gw_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return gw_str_from(json_string_value(value), json_string_length(value));
}

static bool is_field_name(struct gw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-')
            return false;
    }
    return !gw_str_equal_nocase(name, GW_STR("authorization")) &&
           !gw_str_equal_nocase(name, GW_STR("cookie")) &&
           !gw_str_equal_nocase(name, GW_STR("host"));
}

static int add_schemes(struct api_key *self, const json_t *section, struct gw_error *error)
{
    const char *name;
    json_t *config;

    if (json_object_size(section) > MAX_SCHEMES)
        return gw_error_set_at(error, -EINVAL, "/api_keys", "there are more than %d", MAX_SCHEMES);
    self->schemes = calloc(json_object_size(section) + 1, sizeof(*self->schemes));
    if (self->schemes == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    json_object_foreach((json_t *)(uintptr_t)section, name, config)
    {
        struct scheme *scheme = &self->schemes[self->scheme_count++];
        char where[160];
        *scheme = (struct scheme){gw_str_of(name), text_of(config, "header")};
        snprintf(where, sizeof(where), "/api_keys/%.100s/header", name);
        if (!is_field_name(scheme->header))
            return gw_error_set_at(error, -EINVAL, where,
                                   "this cannot be the field that carries a key");
        for (size_t i = 0; i + 1 < self->scheme_count; i++) {
            if (gw_str_equal_nocase(self->schemes[i].header, scheme->header))
                return gw_error_set_at(error, -EINVAL, where,
                                       "this is the field of %.*s already: each kind of key needs "
                                       "its own",
                                       GW_STR_ARG(self->schemes[i].name));
        }
        if (gw_map_add(&self->by_name, scheme->name, scheme) != 0)
            return gw_error_set(error, -ENOMEM, "no memory");
    }
    return 0;
}

static int api_key_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct api_key *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    gw_map_init(&self->by_name, MAX_SCHEMES);
    self->realm = text_of(config, "realm");
    int rc = add_schemes(self, json_object_get(config, "api_keys"), error);
    if (rc != 0) {
        api_key_destroy(self);
        return rc;
    }
    *out_self = self;
    return 0;
}

const struct gw_filter_type gw_api_key = {
    .name = "api_key",
    .options = api_key_options,
    .create = api_key_create,
    .destroy = api_key_destroy,
    .on_request = api_key_on_request,
};
