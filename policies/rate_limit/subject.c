#include "subject.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "server/contract/operation.h"
#include "server/crypto/digest.h"
#include "server/crypto/random.h"
#include "server/http/exchange.h"
#include "server/json/reader.h"

static const struct {
    struct gw_str word, prefix;
} scopes[] = {
    [SCOPE_CONSUMER] = {GW_STR_INIT("consumer"), GW_STR_INIT("millgate:rl:{")},
    [SCOPE_PLAN] = {GW_STR_INIT("plan"), GW_STR_INIT("millgate:rl:plan:{")},
    [SCOPE_OPERATION] = {GW_STR_INIT("operation"), GW_STR_INIT("millgate:rl:op:{")},
    [SCOPE_API] = {GW_STR_INIT("api"), GW_STR_INIT("millgate:rl:api:{")},
    [SCOPE_IP] = {GW_STR_INIT("ip"), GW_STR_INIT("millgate:rl:ip:{")},
    [SCOPE_CLAIM] = {GW_STR_INIT("claim:"), GW_STR_INIT("millgate:rl:claim:{")},
};

int scope_parse(struct gw_arena *memory, struct gw_str text, struct scope *out_scope)
{
    struct gw_str claim = GW_STR("");

    for (unsigned i = 0; i < GW_COUNT_OF(scopes); i++) {
        bool is_it = i == SCOPE_CLAIM
                         ? gw_str_has_prefix(text, scopes[i].word) && text.len > scopes[i].word.len
                         : gw_str_equal(text, scopes[i].word);
        if (!is_it)
            continue;
        if (i == SCOPE_CLAIM)
            claim = gw_arena_copy(memory, gw_str_tail(text, scopes[i].word.len));
        *out_scope = (struct scope){(enum scope_kind)i, claim};
        return claim.ptr != NULL ? 0 : -ENOMEM;
    }
    return -EINVAL;
}

bool scope_is_equal(const struct scope *a, const struct scope *b)
{
    return a->kind == b->kind && gw_str_equal(a->claim, b->claim);
}

static struct gw_str address_of(struct gw_exchange *ex)
{
    unsigned char address[16];
    char text[INET6_ADDRSTRLEN];

    if (ex->request.peer.len == 0 || ex->request.peer.len >= sizeof(text) ||
        ex->request.peer.len == gw_str_find(ex->request.peer, ':'))
        return ex->request.peer;
    memcpy(text, ex->request.peer.ptr, ex->request.peer.len);
    text[ex->request.peer.len] = '\0';
    if (inet_pton(AF_INET6, text, address) != 1)
        return ex->request.peer;
    memset(address + 8, 0, 8); /* such a client has a whole network to come from */
    inet_ntop(AF_INET6, address, text, sizeof(text));
    return gw_arena_copy(&ex->arena, gw_str_of(text));
}

/* The claim's value where it is a text or a number; len 0 if there is none such. */
static struct gw_str claim_value(struct gw_exchange *ex, struct gw_str name)
{
    const struct gw_json_limits limits = {.max_bytes = 64 * 1024, .max_depth = 16};
    struct gw_json_error error;
    struct gw_json_tape tape;

    if (ex->identity.claims.len == 0 ||
        gw_json_read(&ex->arena, ex->identity.claims, &limits, &tape, &error) != 0 ||
        gw_json_type(&tape, 0) != GW_JSON_OBJECT)
        return GW_STR("");
    uint32_t at = gw_json_get(&tape, 0, name);
    if (at == GW_JSON_NONE)
        return GW_STR("");
    if (gw_json_type(&tape, at) == GW_JSON_STRING)
        return gw_json_string(&tape, at);
    return gw_json_type(&tape, at) == GW_JSON_NUMBER ? gw_json_number(&tape, at) : GW_STR("");
}

static struct gw_str claim_text(struct gw_exchange *ex, struct gw_str name)
{
    struct gw_str value = claim_value(ex, name);

    if (value.len == 0)
        return GW_STR("");
    const struct gw_str parts[] = {name, GW_STR("="), value};
    return gw_arena_join(&ex->arena, parts, GW_COUNT_OF(parts));
}

/* Who it is, and under which prefix: without a claim the consumer, without one the address. */
static struct gw_str find_text(struct gw_exchange *ex, const struct scope *scope,
                               struct gw_str plan, enum scope_kind *out_kind)
{
    struct gw_str text = GW_STR("");

    *out_kind = scope->kind;
    if (scope->kind == SCOPE_PLAN)
        return plan;
    if (scope->kind == SCOPE_OPERATION) /* an operation's name is its document's own */
        return gw_arena_printf(&ex->arena, "%.*s#%.*s",
                               GW_STR_ARG(ex->api != NULL ? ex->api->base : GW_STR("")),
                               GW_STR_ARG(ex->operation->id));
    if (scope->kind == SCOPE_API)
        return ex->api != NULL ? ex->api->base : GW_STR("");
    if (scope->kind == SCOPE_CLAIM)
        text = claim_text(ex, scope->claim);
    if (text.len > 0)
        return text;
    if (scope->kind != SCOPE_IP && ex->identity.consumer.len > 0) {
        *out_kind = SCOPE_CONSUMER;
        return ex->identity.consumer;
    }
    *out_kind = SCOPE_IP;
    return address_of(ex);
}

struct gw_str subject_key(struct gw_exchange *ex, const struct scope *scope, struct gw_str plan)
{
    char digest_text[2 * GW_SHA256_BYTES + 1];
    uint8_t digest[GW_SHA256_BYTES];
    enum scope_kind kind;
    struct gw_str text = find_text(ex, scope, plan, &kind);
    struct gw_str prefix = scopes[kind].prefix;

    if (text.len == 0)
        text = GW_STR("-");
    if (text.ptr == NULL)
        return gw_str_from(NULL, 0);
    if (text.len > SUBJECT_MAX_BYTES || text.ptr[0] == '}') { /* "{}" would be no slot's tag */
        gw_digest_compute(GW_SHA256, text, digest);
        gw_hex_encode(digest, sizeof(digest), digest_text);
        text = gw_str_from(digest_text, 2 * sizeof(digest));
    }
    char *key = gw_arena_alloc(&ex->arena, prefix.len + text.len + 2 + plan.len);
    if (key == NULL)
        return gw_str_from(NULL, 0);
    memcpy(key, prefix.ptr, prefix.len);
    char *at = key + prefix.len;
    memcpy(at, text.ptr, text.len);
    at += text.len;
    *at++ = '}';
    *at++ = ':';
    memcpy(at, plan.ptr, plan.len);
    return gw_str_from(key, (size_t)(at - key) + plan.len);
}
