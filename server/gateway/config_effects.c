/* What the operator knows of a backend's writes: `effects`. */
#include <stdio.h>

#include "server/connector/connector.h"
#include "server/core/clock.h"
#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"

const struct gw_option gw_config_effects_options[] = {
    {.name = "class",
     .type = GW_ENUM,
     .words = "A B C D",
     .value = "D",
     .help =
         "What a second request with the same key does. `A`: the backend knows the keys it has "
         "seen. `B`: re-reading its state tells. `C`: it can be searched for a reference of ours. "
         "`D`: perhaps a second effect."},
    {.name = "key_header",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .value = "Idempotency-Key",
     .help = "The field in which a backend of class A takes the key. The key is the gateway's own, "
             "made of the consumer, the operation and the caller's key."},
    {.name = "bare_key",
     .type = GW_BOOL,
     .value = "false",
     .help = "Sends the key without the quotes of a structured field."},
    {.name = "settle",
     .type = GW_DURATION,
     .min = 0,
     .max = 24 * 60 * 60 * (int64_t)GW_NS_PER_SECOND,
     .value = "60s",
     .help = "Class C: how long an effect may take until it is found, counted from when its answer "
             "is given up. Longer than the backend's longest transaction, and never shorter than "
             "the answer is waited for."},
    {0},
};

static bool is_field_name(struct gw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '-' && byte != '_')
            return false;
    }
    return name.len > 0;
}

void gw_config_fill_effects(struct gw_config_loader *loader, const char *backend_pointer,
                            const json_t *checked, struct gw_effect *effect)
{
    static const enum gw_effect_class classes[] = {GW_EFFECT_KEYED, GW_EFFECT_TRANSITION,
                                                   GW_EFFECT_SEARCHABLE, GW_EFFECT_UNKNOWN};
    struct gw_str class = gw_config_text(checked, "class");
    char pointer[256];

    if (class.len != 1)
        return; /* not given, or said */
    effect->class = classes[class.ptr[0] - 'A'];
    effect->key_field = gw_config_text(checked, "key_header");
    effect->is_key_bare = json_is_true(json_object_get(checked, "bare_key"));
    effect->settle_ns = gw_config_number(checked, "settle");
    snprintf(pointer, sizeof(pointer), "%.200s/effects/key_header", backend_pointer);
    if (effect->key_field.ptr != NULL && !is_field_name(effect->key_field))
        gw_config_fail(loader, pointer, "\"%.64s\" is no name of a field", effect->key_field.ptr);
}

/* Whether its writes can be looked for. */
static bool has_search(const struct gw_config_backend *backend)
{
    for (size_t i = 0; gw_connectors[i] != NULL; i++) {
        const struct gw_connector_function *function = gw_connectors[i]->functions;
        for (; backend->connectors[i] != NULL && function->name != NULL; function++) {
            if (function->look_up != NULL)
                return true;
        }
    }
    return false;
}

/* Whoever lets a backend take so long for an answer knows of transactions that do, and the request
 * may have left last of all. */
void gw_config_check_settle(struct gw_config_loader *loader, const char *backend_pointer,
                            const struct gw_config_backend *backend)
{
    const struct gw_effect *effect = &backend->resilience.effect;
    uint64_t settle_ns = effect->settle_ns > 0 ? effect->settle_ns : GW_EFFECT_SETTLE_NS;
    uint64_t waited_ns = backend->first_byte_timeout_ns;
    char pointer[256];

    if (backend->total_timeout_ns > 0 && backend->total_timeout_ns < waited_ns)
        waited_ns = backend->total_timeout_ns;
    if (settle_ns >= waited_ns || !has_search(backend))
        return;
    snprintf(pointer, sizeof(pointer), "%.200s%s", backend_pointer,
             effect->settle_ns > 0 ? "/effects/settle" : "");
    gw_config_warn(loader, pointer,
                   "settle is shorter than an answer is waited for (%.3f s; first_byte_timeout, "
                   "total_timeout): a write that is still under way there would be sent again",
                   (double)waited_ns / (double)GW_NS_PER_SECOND);
}
