#include "policies/authorise/authorise.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/authorise/consumer.h"
#include "policies/authorise/decide.h"
#include "policies/authorise/refusal.h"
#include "server/contract/rule.h"
#include "server/filter/worker.h"
#include "server/observe/metrics.h"

static const struct gw_option authorise_options[] = {
    {"realm", GW_STRING, 1, 64, "millgate", "The realm in WWW-Authenticate."},
    {0},
};

struct authorise { /* one per worker */
    struct gw_str realm;
};

#define REFUSED "millgate_authorise_refused_total"
#define REFUSED_HELP "Requests refused for what their caller may not do."

static const struct gw_metric refused_unproved = {REFUSED, REFUSED_HELP, "reason=\"unproved\"",
                                                  false};
static const struct gw_metric refused_scope = {REFUSED, REFUSED_HELP, "reason=\"scope\"", false};

static const struct gw_metric refused_disabled = {REFUSED, REFUSED_HELP, "reason=\"disabled\"",
                                                  false};
static const struct gw_metric refused_rule = {REFUSED, REFUSED_HELP, "reason=\"rule\"", false};

static void count(const struct gw_exchange *ex, const struct gw_metric *metric)
{
    if (ex->worker != NULL)
        gw_metrics_add(ex->worker->metrics, metric, 1);
}

/* The caller is known, or nobody need be: do all rules hold? */
static enum gw_verdict ask_rules(struct gw_exchange *ex)
{
    struct gw_rule_facts facts = {.ex = ex};

    for (size_t i = 0; i < ex->operation->rule_count; i++) {
        const struct gw_rule *rule = ex->operation->rules[i];
        if (gw_rule_holds(rule, &facts))
            continue;
        if (facts.has_no_memory)
            return gw_exchange_reject(ex, "overloaded", NULL, 0);
        count(ex, &refused_rule);
        return refusal_rule(ex, rule);
    }
    return GW_NEXT;
}

/* What operations have set for a caller comes before what its credential says. */
static enum gw_verdict ask_consumer(struct gw_exchange *ex, const struct gw_identity *credential,
                                    bool is_caller)
{
    struct consumer consumer;

    if (consumer_find(ex->worker == NULL ? NULL : ex->worker->records, &ex->arena,
                      credential->consumer, &consumer) != 0)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    if (consumer.is_disabled) {
        count(ex, &refused_disabled);
        return gw_exchange_reject(ex, "forbidden", "This consumer is disabled.", 0);
    }
    if (is_caller && consumer.plan.len > 0)
        ex->identity.plan = consumer.plan;
    return GW_NEXT;
}

/* All whose credentials the request stands on, not only the one who counts as the caller. */
static enum gw_verdict ask_consumers(struct gw_exchange *ex,
                                     const struct authorise_decision *decision)
{
    const struct gw_security_alternative *alternative = decision->alternative;
    enum gw_verdict verdict = GW_NEXT;

    for (size_t i = 0; i < alternative->scheme_count && verdict == GW_NEXT; i++) {
        const struct gw_identity *credential =
            authorise_find(&alternative->schemes[i], ex->credentials, ex->credential_count);
        verdict = ask_consumer(ex, credential, credential == decision->identity);
    }
    return verdict;
}

static enum gw_verdict allow(struct gw_exchange *ex, const struct authorise_decision *decision)
{
    ex->identity = *decision->identity;
    ex->identity.expires_at_s = decision->expires_at_s;
    enum gw_verdict verdict = ask_consumers(ex, decision);
    return verdict == GW_NEXT ? ask_rules(ex) : verdict;
}

static enum gw_verdict authorise_on_request(void *self, struct gw_exchange *ex)
{
    const struct authorise *authorise = self;

    ex->identity = (struct gw_identity){0};
    if (ex->operation == NULL)
        return GW_FAIL; /* nobody said what this is, so nobody may have it */
    struct authorise_decision decision =
        authorise_decide(ex->operation, ex->credentials, ex->credential_count);
    switch (decision.outcome) {
    case AUTHORISE_ALLOWED:
        return allow(ex, &decision);
    case AUTHORISE_ANONYMOUS:
        return ask_rules(ex);
    case AUTHORISE_UNPROVED:
        count(ex, &refused_unproved);
        return refusal_unproved(ex, authorise->realm);
    case AUTHORISE_SCOPE:
        count(ex, &refused_scope);
        return refusal_scope(ex, authorise->realm, &decision);
    }
    return GW_FAIL;
}

static void authorise_destroy(void *self)
{
    free(self);
}

static int authorise_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct authorise *authorise = calloc(1, sizeof(*authorise));
    const json_t *realm = json_object_get(config, "realm");

    if (authorise == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    authorise->realm = gw_str_from(json_string_value(realm), json_string_length(realm));
    *out_self = authorise;
    return 0;
}

const struct gw_filter_type gw_authorise = {
    .name = "authorise",
    .options = authorise_options,
    .create = authorise_create,
    .destroy = authorise_destroy,
    .on_request = authorise_on_request,
};
