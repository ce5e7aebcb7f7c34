#include "policies/ip_filter/ip_filter.h"

#include <errno.h>
#include <stdlib.h>

#include "server/contract/operation.h"
#include "server/contract/rules.h"
#include "server/net/address.h"
#include "server/net/cidr.h"

#define MAX_RULES 64
#define MAX_NETWORKS 1000
#define MAX_NAMESPACES 64

static const struct gw_option rule_options[] = {
    {.name = "namespaces",
     .type = GW_LIST,
     .min = 1,
     .max = MAX_NAMESPACES,
     .value = "[\"*\"]",
     .help = "The APIs that it is for; patterns as in `grants`."},
    {.name = "allow",
     .type = GW_LIST,
     .max = MAX_NETWORKS,
     .value = "[]",
     .help = "Addresses and networks (10.0.0.0/8, 2001:db8::/32); empty: all."},
    {.name = "deny",
     .type = GW_LIST,
     .max = MAX_NETWORKS,
     .value = "[]",
     .help = "Likewise; it goes before `allow`."},
    {0},
};

static const struct gw_option ip_filter_options[] = {
    {.name = "rules",
     .type = GW_LIST,
     .max = MAX_RULES,
     .fields = rule_options,
     .value = "[]",
     .help = "All that are for an API must let the caller in."},
    {0},
};

struct networks {
    struct gw_cidr *items;
    size_t count;
};

struct rule {
    const json_t *namespaces; /* of the configuration, which lives as long */
    struct networks allow, deny;
};

struct ip_filter {
    struct rule *rules;
    size_t rule_count;
};

/* --- making --- */

static int read_networks(struct networks *networks, const json_t *texts, const char *where,
                         struct gw_error *error)
{
    networks->items = calloc(json_array_size(texts) + 1, sizeof(*networks->items));
    if (networks->items == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < json_array_size(texts); i++) {
        struct gw_str text = gw_str_of(json_string_value(json_array_get(texts, i)));
        char place[48];
        snprintf(place, sizeof(place), "%s/%zu", where, i);
        if (gw_cidr_parse(text, &networks->items[networks->count++]) != 0)
            return gw_error_set_at(error, -EINVAL, place,
                                   "\"%.*s\" is no IP address or network, such as 10.0.0.0/8, with "
                                   "no bits set behind the prefix",
                                   GW_STR_ARG(text));
    }
    return 0;
}

static int read_rule(struct rule *rule, size_t index, const json_t *config, struct gw_error *error)
{
    char where[32];

    rule->namespaces = json_object_get(config, "namespaces");
    snprintf(where, sizeof(where), "/rules/%zu/allow", index);
    int rc = read_networks(&rule->allow, json_object_get(config, "allow"), where, error);
    snprintf(where, sizeof(where), "/rules/%zu/deny", index);
    if (rc == 0)
        rc = read_networks(&rule->deny, json_object_get(config, "deny"), where, error);
    return rc;
}

static void ip_filter_destroy(void *self)
{
    struct ip_filter *filter = self;

    if (filter == NULL)
        return;
    for (size_t i = 0; i < filter->rule_count; i++) {
        free(filter->rules[i].allow.items);
        free(filter->rules[i].deny.items);
    }
    free(filter->rules);
    free(filter);
}

static int ip_filter_create(const json_t *config, void **out_self, struct gw_error *error)
{
    const json_t *rules = json_object_get(config, "rules");
    struct ip_filter *filter = calloc(1, sizeof(*filter));
    int rc = 0;

    if (filter == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    filter->rules = calloc(json_array_size(rules) + 1, sizeof(*filter->rules));
    if (filter->rules == NULL)
        rc = gw_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < json_array_size(rules); i++)
        rc = read_rule(&filter->rules[filter->rule_count++], i, json_array_get(rules, i), error);
    if (rc != 0) {
        ip_filter_destroy(filter);
        return rc;
    }
    *out_self = filter;
    return 0;
}

/* --- deciding --- */

static bool covers(const struct rule *rule, const struct gw_exchange *ex)
{
    for (size_t i = 0; ex->api != NULL && i < json_array_size(rule->namespaces); i++) {
        const json_t *pattern = json_array_get(rule->namespaces, i);
        if (gw_namespace_matches(ex->api->namespace, gw_str_of(json_string_value(pattern))))
            return true;
    }
    return false;
}

/* A peer without an IP address, behind a unix socket, is in no network. */
static bool lets_in(const struct rule *rule, const struct gw_address *address)
{
    if (address->len == 0)
        return rule->allow.count == 0;
    if (gw_cidr_any_has(rule->deny.items, rule->deny.count, &address->any))
        return false;
    return rule->allow.count == 0 ||
           gw_cidr_any_has(rule->allow.items, rule->allow.count, &address->any);
}

static enum gw_verdict ip_filter_on_request(void *self, struct gw_exchange *ex)
{
    const struct ip_filter *filter = self;
    struct gw_address address;

    if (filter->rule_count == 0)
        return GW_NEXT;
    if (gw_address_parse(ex->request.peer, &address) != 0)
        address.len = 0;
    for (size_t i = 0; i < filter->rule_count; i++) {
        const struct rule *rule = &filter->rules[i];
        if (covers(rule, ex) && !lets_in(rule, &address)) {
            ex->record.detail = GW_STR("ip_filter: the client's network may not call this API");
            return gw_exchange_reject(ex, "forbidden", NULL, 0);
        }
    }
    return GW_NEXT;
}

const struct gw_filter_type gw_ip_filter = {
    .name = "ip_filter",
    .options = ip_filter_options,
    .create = ip_filter_create,
    .destroy = ip_filter_destroy,
    .on_request = ip_filter_on_request,
};
