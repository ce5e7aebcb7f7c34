#include "policies/authorise/refusal.h"

#include "server/contract/rule.h"
#include "server/core/buf.h"
#include "server/http/challenge.h"

#define MAX_TEXT_BYTES 4096

static const struct {
    const char *what;
    const char *challenge;
} kinds[] = {
    [GW_SCHEME_TOKEN] = {"a bearer token", "Bearer"},
    /* Neither has a registered scheme, but a 401 needs a challenge (RFC 9110, section 15.5.2). */
    [GW_SCHEME_API_KEY] = {"an API key", "ApiKey"},
    [GW_SCHEME_CERTIFICATE] = {"a client certificate", "ClientCertificate"},
};

static void append_alternative(struct gw_buf *text,
                               const struct gw_security_alternative *alternative)
{
    for (size_t i = 0; i < alternative->scheme_count; i++) {
        const struct gw_security_scheme *scheme = &alternative->schemes[i];
        gw_buf_printf(text, "%s%s (%.*s)", i == 0 ? "" : " and ", kinds[scheme->kind].what,
                      GW_STR_ARG(scheme->name));
    }
}

static bool accepts(const struct gw_operation *operation, enum gw_scheme_kind kind)
{
    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        for (size_t k = 0; k < alternative->scheme_count; k++) {
            if (alternative->schemes[k].kind == kind)
                return true;
        }
    }
    return false;
}

/* The text as a C string in the arena, or NULL: then the problem's title stands there. */
static const char *detail_of(struct gw_exchange *ex, struct gw_buf *text)
{
    struct gw_str copy = {NULL, 0};

    if (!text->has_failed)
        copy = gw_arena_copy(&ex->arena, gw_buf_str(text));
    gw_buf_finish(text);
    return copy.ptr;
}

enum gw_verdict refusal_unproved(struct gw_exchange *ex, struct gw_str realm)
{
    const struct gw_operation *operation = ex->operation;
    struct gw_buf text;

    gw_buf_init(&text, MAX_TEXT_BYTES);
    gw_buf_append_text(&text, "Needed: ");
    for (size_t i = 0; i < operation->security_count; i++) {
        if (i > 0)
            gw_buf_append_text(&text, ", or ");
        append_alternative(&text, &operation->security[i]);
    }
    gw_buf_append_byte(&text, '.');
    enum gw_verdict verdict = gw_exchange_reject(ex, "unauthorized", detail_of(ex, &text), 0);

    for (size_t kind = 0; kind < GW_COUNT_OF(kinds); kind++) {
        struct gw_buf challenge;
        if (!accepts(operation, (enum gw_scheme_kind)kind))
            continue;
        gw_buf_init(&challenge, MAX_TEXT_BYTES);
        gw_buf_printf(&challenge, "%s realm=\"%.*s\"", kinds[kind].challenge, GW_STR_ARG(realm));
        gw_challenge_add(ex, &challenge);
    }
    return verdict;
}

enum gw_verdict refusal_scope(struct gw_exchange *ex, struct gw_str realm,
                              const struct authorise_decision *decision)
{
    const struct gw_security_scheme *scheme = decision->scheme;
    struct gw_buf text, challenge;

    gw_buf_init(&text, MAX_TEXT_BYTES);
    gw_buf_printf(&text, "%s (%.*s) lacks:", kinds[scheme->kind].what, GW_STR_ARG(scheme->name));
    for (size_t i = 0; i < scheme->scope_count; i++) {
        if (!authorise_has_scope(decision->lacking, scheme->scopes[i]))
            gw_buf_printf(&text, " %.*s", GW_STR_ARG(scheme->scopes[i]));
    }
    if (!text.has_failed)
        text.ptr[0] = 'A'; /* of "a" and "an": a sentence begins */
    enum gw_verdict verdict = gw_exchange_reject(ex, "insufficient-scope", detail_of(ex, &text), 0);

    ex->record.detail = gw_arena_printf(&ex->arena, "authorise: %.*s lacks a scope",
                                        GW_STR_ARG(decision->lacking->consumer));

    gw_buf_init(&challenge, MAX_TEXT_BYTES);
    gw_buf_printf(&challenge, "%s realm=\"%.*s\", error=\"insufficient_scope\", scope=\"",
                  kinds[scheme->kind].challenge, GW_STR_ARG(realm));
    for (size_t i = 0; i < scheme->scope_count; i++)
        gw_buf_printf(&challenge, "%s%.*s", i == 0 ? "" : " ", GW_STR_ARG(scheme->scopes[i]));
    gw_buf_append_byte(&challenge, '"');
    gw_challenge_add(ex, &challenge);
    return verdict;
}

enum gw_verdict refusal_rule(struct gw_exchange *ex, const struct gw_rule *rule)
{
    static const char *const owners[] = {
        [GW_RULE_OF_FLOOR] = "the gateway",
        [GW_RULE_OF_API] = "the API",
        [GW_RULE_OF_PATH] = "the path",
        [GW_RULE_OF_OPERATION] = "the operation",
    };
    const char *owner = owners[rule->owner];
    struct gw_buf text;

    gw_buf_init(&text, MAX_TEXT_BYTES);
    gw_buf_printf(&text, "A rule of %s does not hold", owner);
    /* A contract is its callers' to read; the operator's configuration is not. */
    if (rule->say.len > 0 || rule->owner != GW_RULE_OF_FLOOR)
        gw_buf_printf(&text, ": %.*s", GW_STR_ARG(rule->say.len > 0 ? rule->say : rule->text));
    enum gw_verdict verdict = gw_exchange_reject(ex, "forbidden", detail_of(ex, &text), 0);
    ex->record.detail =
        gw_arena_printf(&ex->arena, "authorise: rule of %s: %.*s", owner, GW_STR_ARG(rule->text));
    return verdict;
}
