#include "policies/cache/key.h"

#include <errno.h>

#include "server/contract/operation.h"
#include "server/upstream/backend.h"
#include "server/upstream/proxy_fields.h"

#define MAX_TEXT_BYTES (256 * 1024)

/* Fields that do reach the backend and do not make another answer unless Vary says so; and those
 * that the cache itself acts on. */
static const struct gw_str harmless[] = {
    GW_STR_INIT("accept"),          GW_STR_INIT("accept-charset"),
    GW_STR_INIT("accept-encoding"), GW_STR_INIT("accept-language"),
    GW_STR_INIT("cache-control"),   GW_STR_INIT("content-type"),
    GW_STR_INIT("if-none-match"),   GW_STR_INIT("if-modified-since"),
    GW_STR_INIT("pragma"),          GW_STR_INIT("user-agent"),
};

int cache_keyer_init(struct cache_keyer *keyer)
{
    keyer->digester = gw_digester_create();
    gw_buf_init(&keyer->text, MAX_TEXT_BYTES);
    return keyer->digester == NULL ? -ENOMEM : 0;
}

void cache_keyer_finish(struct cache_keyer *keyer)
{
    gw_digester_destroy(keyer->digester);
    keyer->digester = NULL;
    gw_buf_finish(&keyer->text);
}

/* With its length before it, so that no two lists of texts are one. */
static void put(struct cache_keyer *keyer, struct gw_str text)
{
    uint32_t len = (uint32_t)text.len;

    gw_buf_append(&keyer->text, &len, sizeof(len));
    gw_buf_append_str(&keyer->text, text);
}

static void put_lower(struct cache_keyer *keyer, struct gw_str text)
{
    uint32_t len = (uint32_t)text.len;

    gw_buf_append(&keyer->text, &len, sizeof(len));
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        gw_buf_append_byte(&keyer->text, byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte);
    }
}

static int digest(struct cache_keyer *keyer, struct cache_key *out_key)
{
    int rc = keyer->text.has_failed ? -ENOMEM : 0;

    if (rc == 0)
        gw_digester_compute(keyer->digester, GW_SHA256, gw_buf_str(&keyer->text), out_key->bytes);
    gw_buf_clear(&keyer->text);
    return rc;
}

static bool is_among(struct gw_str name, const struct gw_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal_nocase(name, names[i]))
            return true;
    }
    return false;
}

static bool is_keyed(const struct gw_cache_rule *rule, struct gw_str name)
{
    if (is_among(name, harmless, GW_COUNT_OF(harmless)) ||
        is_among(name, rule->ignored, rule->ignored_count))
        return false;
    /* What one shows the gateway is who one is: only where answers are not shared. */
    if (gw_str_equal_nocase(name, GW_STR("authorization")))
        return !rule->is_shared;
    return !gw_proxy_drops_field(name);
}

/* Callers whom routes send to different targets do not share what these answer. */
static void put_routes(struct cache_keyer *keyer, struct gw_exchange *ex)
{
    const struct gw_backend_config *backend = ex->backend;

    for (size_t i = 0; backend != NULL && i < backend->route_count; i++)
        put(keyer, gw_route_is_meant(&backend->routes[i], ex) ? GW_STR("1") : GW_STR("0"));
}

int cache_key_make(struct cache_keyer *keyer, struct gw_exchange *ex,
                   const struct gw_cache_rule *rule, struct cache_key *out_key)
{
    const struct gw_request *request = &ex->request;

    put(keyer, ex->operation->route);
    put(keyer, ex->operation->backend);
    put(keyer, ex->operation->backend_path);
    put(keyer, request->path);
    put(keyer, request->query);
    put_lower(keyer, request->host);
    put(keyer, request->is_tls ? GW_STR("https") : GW_STR("http"));
    put(keyer, rule->is_shared ? GW_STR("shared") : GW_STR("private"));
    if (!rule->is_shared) {
        put(keyer, ex->identity.consumer);
        put(keyer, ex->identity.subject);
        put(keyer, ex->identity.issuer);
        put(keyer, ex->identity.scopes);
        put(keyer, ex->identity.claims);
    }
    put_routes(keyer, ex);
    for (size_t i = 0; i < request->field_count; i++) {
        if (!is_keyed(rule, request->fields[i].name))
            continue;
        put_lower(keyer, request->fields[i].name);
        put(keyer, request->fields[i].value);
    }
    return digest(keyer, out_key);
}

/* --- Vary --- */

/* A value without the white space around its commas (RFC 9111, section 4.1). */
static void put_value(struct cache_keyer *keyer, struct gw_str value)
{
    struct gw_str part;

    while (gw_str_split(&value, ',', &part)) {
        part = gw_str_trim(part);
        gw_buf_append_str(&keyer->text, part);
        gw_buf_append_byte(&keyer->text, ',');
    }
}

static void put_field(struct cache_keyer *keyer, const struct gw_exchange *ex, struct gw_str name)
{
    put_lower(keyer, name);
    for (size_t i = 0; i < ex->request.field_count; i++) {
        if (!gw_str_equal_nocase(ex->request.fields[i].name, name))
            continue;
        gw_buf_append_byte(&keyer->text, ':');
        put_value(keyer, ex->request.fields[i].value);
    }
    gw_buf_append_byte(&keyer->text, '\n'); /* stands in no value */
}

int cache_variant_make(struct cache_keyer *keyer, const struct gw_exchange *ex, struct gw_str vary,
                       struct cache_key *out_variant)
{
    struct gw_str name;

    while (gw_str_split(&vary, ',', &name))
        put_field(keyer, ex, gw_str_trim(name));
    return digest(keyer, out_variant);
}

bool cache_vary_is_usable(struct gw_str vary)
{
    static const struct gw_str ours[] = {
        GW_STR_INIT("*"),          GW_STR_INIT("forwarded"),    GW_STR_INIT("traceparent"),
        GW_STR_INIT("tracestate"), GW_STR_INIT("x-request-id"), GW_STR_INIT("via")};
    struct gw_str name;

    while (gw_str_split(&vary, ',', &name)) {
        if (is_among(gw_str_trim(name), ours, GW_COUNT_OF(ours)))
            return false;
    }
    return true;
}
