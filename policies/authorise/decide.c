#include "policies/authorise/decide.h"

bool authorise_has_scope(const struct gw_identity *credential, struct gw_str scope)
{
    struct gw_str rest = credential->scopes, held;

    while (gw_str_split(&rest, ' ', &held)) {
        if (gw_str_equal(held, scope))
            return scope.len > 0;
    }
    return false;
}

struct caller {
    const struct gw_identity *credentials;
    size_t count;
};

const struct gw_identity *authorise_find(const struct gw_security_scheme *scheme,
                                         const struct gw_identity *credentials,
                                         size_t credential_count)
{
    for (size_t i = 0; i < credential_count; i++) {
        const struct gw_identity *credential = &credentials[i];
        if (scheme->name.len > 0 && gw_str_equal(credential->issuer, scheme->name))
            return credential;
    }
    return NULL;
}

static bool has_all_scopes(const struct gw_identity *credential,
                           const struct gw_security_scheme *scheme)
{
    for (size_t i = 0; i < scheme->scope_count; i++) {
        if (!authorise_has_scope(credential, scheme->scopes[i]))
            return false;
    }
    return true;
}

/* What one alternative, which is not empty, comes to. */
static struct authorise_decision judge(const struct gw_security_alternative *alternative,
                                       const struct caller *caller)
{
    struct authorise_decision decision = {.outcome = AUTHORISE_ALLOWED, .alternative = alternative};
    bool has_token = false;

    for (size_t i = 0; i < alternative->scheme_count; i++) {
        const struct gw_security_scheme *scheme = &alternative->schemes[i];
        const struct gw_identity *credential =
            authorise_find(scheme, caller->credentials, caller->count);
        if (credential == NULL)
            return (struct authorise_decision){.outcome = AUTHORISE_UNPROVED};
        if (decision.outcome == AUTHORISE_ALLOWED && !has_all_scopes(credential, scheme)) {
            decision.outcome = AUTHORISE_SCOPE;
            decision.scheme = scheme;
            decision.lacking = credential;
        }
        if (decision.identity == NULL || (!has_token && scheme->kind == GW_SCHEME_TOKEN))
            decision.identity = credential;
        has_token = has_token || scheme->kind == GW_SCHEME_TOKEN;
        uint64_t end_s = credential->expires_at_s;
        if (end_s > 0 && (decision.expires_at_s == 0 || end_s < decision.expires_at_s))
            decision.expires_at_s = end_s;
    }
    return decision;
}

struct authorise_decision authorise_decide(const struct gw_operation *operation,
                                           const struct gw_identity *credentials,
                                           size_t credential_count)
{
    const struct caller caller = {credentials, credential_count};
    struct authorise_decision best = {.outcome = AUTHORISE_UNPROVED};
    bool allows_anonymous = operation->security_count == 0;

    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        if (alternative->scheme_count == 0) {
            allows_anonymous = true;
            continue;
        }
        struct authorise_decision decision = judge(alternative, &caller);
        if (decision.outcome == AUTHORISE_ALLOWED)
            return decision;
        if (best.outcome == AUTHORISE_UNPROVED)
            best = decision;
    }
    if (allows_anonymous)
        best = (struct authorise_decision){.outcome = AUTHORISE_ANONYMOUS};
    return best;
}
