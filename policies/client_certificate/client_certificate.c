#include "policies/client_certificate/client_certificate.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/client_certificate/known.h"
#include "policies/client_certificate/mapping.h"
#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/crypto/base64url.h"
#include "server/filter/worker.h"
#include "server/observe/metrics.h"

static const struct gw_option client_certificate_options[] = {
    {"client_certificates", GW_SECTION, 0, KNOWN_MAX_MAPPINGS, NULL,
     "Whose certificates are taken, and for whom, by name.", .fields = mapping_options},
    {0},
};

struct client_certificate { /* one per worker */
    struct mapping *mappings;
    size_t mapping_count;
    struct gw_map by_name;
    struct known_table *known;
};

#define NAME "millgate_client_certificate_total"
#define HELP "Client certificates asked for their consumer, by result."

static const struct gw_metric mapped = {NAME, HELP, "result=\"mapped\"", false};
static const struct gw_metric unknown = {NAME, HELP, "result=\"unknown\"", false};
static const struct gw_metric untrusted = {NAME, HELP, "result=\"untrusted\"", false};
static const struct gw_metric expired = {NAME, HELP, "result=\"expired\"", false};
static const struct gw_metric unreadable = {NAME, HELP, "result=\"unreadable\"", false};

/* The certificate proves nothing here; the detail is for the operator. */
static enum gw_verdict pass(struct gw_exchange *ex, const struct gw_metric *metric,
                            const char *detail)
{
    if (ex->worker != NULL)
        gw_metrics_add(ex->worker->metrics, metric, 1);
    if (detail != NULL)
        ex->record.detail = gw_str_of(detail);
    return GW_NEXT;
}

/* --- the verdict ------------------------------------------------------------------------------ */

/* What rules and fields upstream may ask: as the claims of a token. */
static struct gw_str print_claims(struct gw_exchange *ex, const struct gw_x509 *x509,
                                  struct gw_str consumer)
{
    char thumbprint[43];
    struct gw_buf buf;

    gw_base64url_encode(x509->thumbprint, GW_SHA256_BYTES, thumbprint);
    gw_buf_init(&buf, 64 * 1024);
    gw_buf_append_text(&buf, "{\"sub\":\"");
    gw_buf_append_json(&buf, consumer);
    gw_buf_append_text(&buf, "\",\"subject_dn\":\"");
    gw_buf_append_json(&buf, x509->subject);
    gw_buf_append_text(&buf, "\",\"cnf\":{\"x5t#S256\":\"");
    gw_buf_append(&buf, thumbprint, sizeof(thumbprint));
    gw_buf_append_text(&buf, "\"}}");
    struct gw_str claims = {0};
    if (!buf.has_failed)
        claims = gw_arena_copy(&ex->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    return claims;
}

/* Everything is copied: the configuration and the table may change before the exchange ends. */
static enum gw_verdict identify(struct gw_exchange *ex, const struct mapping *mapping,
                                const struct gw_x509 *x509, struct gw_str consumer)
{
    struct gw_identity *identity = gw_exchange_add_credential(ex);
    struct gw_str full =
        gw_arena_printf(&ex->arena, "%.*s:%.*s", GW_STR_ARG(mapping->name), GW_STR_ARG(consumer));

    if (identity == NULL || full.ptr == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    identity->consumer = full;
    identity->issuer = gw_str_from(full.ptr, mapping->name.len);
    identity->subject = gw_str_tail(full, mapping->name.len + 1);
    identity->scopes = gw_arena_copy(&ex->arena, gw_str_of(mapping->scopes));
    identity->plan =
        mapping->plan.len == 0 ? mapping->plan : gw_arena_copy(&ex->arena, mapping->plan);
    identity->claims = print_claims(ex, x509, consumer);
    identity->expires_at_s = (uint64_t)x509->not_after_s;
    if (identity->claims.ptr == NULL || identity->scopes.ptr == NULL ||
        (mapping->plan.len > 0 && identity->plan.ptr == NULL))
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    return pass(ex, &mapped, NULL);
}

static bool is_trusted(const struct mapping *mapping, uint64_t bit, struct known *known,
                       struct gw_str der, int64_t now_s)
{
    struct gw_error why;

    if (mapping->trust == NULL)
        return true;
    if ((known->verified & bit) == 0) {
        known->verified |= bit;
        if (gw_x509_trust_verify(mapping->trust, der, now_s, &why) == 0)
            known->trusted |= bit;
    }
    return (known->trusted & bit) != 0;
}

static enum gw_verdict judge(const struct client_certificate *self, struct gw_exchange *ex,
                             const struct mapping *mapping)
{
    uint64_t bit = UINT64_C(1) << (mapping - self->mappings);
    int64_t now_s = (int64_t)(ex->wall_ns / GW_NS_PER_SECOND);
    struct gw_str der = ex->request.client_certificate;
    struct known *known;
    int rc = known_get(self->known, der, now_s, &known);

    if (rc == -ENOMEM)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    if (rc != 0)
        return pass(ex, &unreadable, "client_certificate: it cannot be read");
    /* Valid in the handshake, it may have expired on the kept connection. */
    if (now_s < known->x509.not_before_s || now_s >= known->x509.not_after_s)
        return pass(ex, &expired, "client_certificate: it is not valid at this time");
    if (!is_trusted(mapping, bit, known, der, now_s))
        return pass(ex, &untrusted, "client_certificate: its issuer is not one of ca_file");
    struct gw_str consumer = mapping_find(mapping, &known->x509);
    if (consumer.len == 0)
        return pass(ex, &unknown, "client_certificate: it is mapped to no consumer");
    return identify(ex, mapping, &known->x509, consumer);
}

static enum gw_verdict client_certificate_on_request(void *own, struct gw_exchange *ex)
{
    const struct client_certificate *self = own;
    const struct gw_operation *operation = ex->operation;
    enum gw_verdict verdict = GW_NEXT;
    uint64_t asked = 0;

    if (self->mapping_count == 0 || ex->request.client_certificate.len == 0 || operation == NULL)
        return GW_NEXT;
    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        for (size_t k = 0; k < alternative->scheme_count && verdict == GW_NEXT; k++) {
            const struct gw_security_scheme *scheme = &alternative->schemes[k];
            const struct mapping *mapping = scheme->kind == GW_SCHEME_CERTIFICATE
                                                ? gw_map_get(&self->by_name, scheme->name)
                                                : NULL;
            uint64_t bit = mapping == NULL ? 0 : UINT64_C(1) << (mapping - self->mappings);
            if (mapping == NULL || (asked & bit) != 0)
                continue;
            asked |= bit;
            verdict = judge(self, ex, mapping);
        }
    }
    return verdict;
}

/* --- making ----------------------------------------------------------------------------------- */

static void client_certificate_destroy(void *own)
{
    struct client_certificate *self = own;

    if (self == NULL)
        return;
    for (size_t i = 0; i < self->mapping_count; i++)
        mapping_finish(&self->mappings[i]);
    free(self->mappings);
    gw_map_finish(&self->by_name);
    known_destroy(self->known);
    free(self);
}

static int add_mapping(struct client_certificate *self, const char *name, const json_t *config,
                       struct gw_error *error)
{
    struct mapping *mapping = &self->mappings[self->mapping_count++];
    struct gw_error why;
    int rc = mapping_init(mapping, name, config, &why);

    if (rc != 0) {
        char where[sizeof(error->where)];
        snprintf(where, sizeof(where), "/client_certificates/%.100s%.100s", name, why.where);
        return gw_error_set_at(error, rc, where, "%s", why.text);
    }
    return gw_map_add(&self->by_name, mapping->name, mapping) == 0
               ? 0
               : gw_error_set(error, -ENOMEM, "no memory");
}

static int fill(struct client_certificate *self, const json_t *section, struct gw_error *error)
{
    size_t count = json_object_size(section);
    const char *name;
    json_t *config;

    gw_map_init(&self->by_name, KNOWN_MAX_MAPPINGS);
    if (count > KNOWN_MAX_MAPPINGS)
        return gw_error_set_at(error, -EINVAL, "/client_certificates", "there are more than %d",
                               KNOWN_MAX_MAPPINGS);
    if (count == 0)
        return 0;
    self->mappings = calloc(count, sizeof(*self->mappings));
    self->known = known_create();
    if (self->mappings == NULL || self->known == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    json_object_foreach((json_t *)(uintptr_t)section, name, config)
    {
        int rc = add_mapping(self, name, config, error);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int client_certificate_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct client_certificate *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    int rc = fill(self, json_object_get(config, "client_certificates"), error);
    if (rc != 0) {
        client_certificate_destroy(self);
        return rc;
    }
    *out_self = self;
    return 0;
}

const struct gw_filter_type gw_client_certificate = {
    .name = "client_certificate",
    .options = client_certificate_options,
    .create = client_certificate_create,
    .destroy = client_certificate_destroy,
    .on_request = client_certificate_on_request,
};
