/* Responses (OpenAPI: "Responses Object"): statuses, headers and bodies. */
#include <stdlib.h>

#include "loading.h"

/* "200", "4XX", "default" */
static bool read_status(const char *key, struct gw_response_rule *rule)
{
    bool is_digits = key[0] >= '1' && key[0] <= '5' && strlen(key) == 3;

    if (strcmp(key, "default") == 0) {
        rule->last_status = 999;
        return true;
    }
    if (!is_digits)
        return false;
    rule->first_status = (uint16_t)((key[0] - '0') * 100);
    if (strcmp(key + 1, "XX") == 0) {
        rule->last_status = (uint16_t)(rule->first_status + 99);
        return true;
    }
    if (key[1] < '0' || key[1] > '9' || key[2] < '0' || key[2] > '9')
        return false;
    rule->first_status = (uint16_t)(rule->first_status + (key[1] - '0') * 10 + (key[2] - '0'));
    rule->last_status = rule->first_status;
    return true;
}

/* A header is a parameter without name and place. Content-Type is no header here (OpenAPI). */
static bool read_header(struct contract_loading *loading, const struct gw_place *entry,
                        struct gw_parameter *header)
{
    struct gw_place place;

    if (gw_str_equal_nocase(gw_str_of(entry->key), GW_STR("content-type")) ||
        gw_reference_resolver_follow(&loading->resolver, entry, &place) != 0 ||
        !contract_check_object(loading, &place, CONTRACT_HEADER))
        return false;
    *header = (struct gw_parameter){
        .name = contract_copy(loading, gw_str_of(entry->key)),
        .place = GW_IN_HEADER,
        .is_required = contract_flag(&place, "required", false),
    };
    contract_read_style(loading, &place, GW_IN_HEADER, &header->style, &header->explode);
    contract_read_parameter_schema(loading, &place, header);
    return true;
}

static void read_headers(struct contract_loading *loading, const struct gw_place *response,
                         struct gw_response_rule *rule)
{
    struct gw_place list = gw_place_member(response, "headers");
    size_t count = json_object_size(list.value);
    const char *key;
    json_t *value;

    if (count == 0)
        return;
    struct gw_parameter *headers = contract_alloc(loading, count, sizeof(*headers));
    if (headers == NULL)
        return;
    json_t *object = (json_t *)(uintptr_t)list.value;
    json_object_foreach(object, key, value)
    {
        struct gw_place entry = gw_place_member(&list, key);
        if (read_header(loading, &entry, &headers[rule->header_count]))
            rule->header_count++;
    }
    rule->headers = headers;
}

static bool read_response(struct contract_loading *loading, const struct gw_place *entry,
                          struct gw_response_rule *rule)
{
    struct gw_place response;

    if (!read_status(entry->key, rule)) {
        gw_place_report_key(&loading->resolver, entry, GW_SEVERITY_ERROR,
                            "\"%.80s\" is no status: 100 to 599, \"1XX\" to \"5XX\", \"default\"",
                            entry->key);
        return false;
    }
    if (gw_reference_resolver_follow(&loading->resolver, entry, &response) != 0 ||
        !contract_check_object(loading, &response, CONTRACT_RESPONSE))
        return false;
    struct gw_place content = gw_place_member(&response, "content");
    read_headers(loading, &response, rule);
    rule->has_content = json_object_size(content.value) > 0;
    rule->media_types = contract_read_media_types(loading, &content, &rule->media_type_count);
    return true;
}

/* A status before its class, a class before `default`. */
static int compare_rules(const void *a, const void *b)
{
    const struct gw_response_rule *left = a, *right = b;
    return (left->last_status - left->first_status) - (right->last_status - right->first_status);
}

void contract_read_responses(struct contract_loading *loading, const struct gw_place *place,
                             struct gw_operation *operation)
{
    size_t room = json_object_size(place->value);
    const char *key;
    json_t *value;

    if (!json_is_object(place->value))
        return; /* absent, or said */
    struct gw_response_rule *rules = contract_alloc(loading, room + 1, sizeof(*rules));
    if (rules == NULL)
        return;
    size_t count = 0, seen = 0;
    json_t *object = (json_t *)(uintptr_t)place->value;
    json_object_foreach(object, key, value)
    {
        struct gw_place entry = gw_place_member(place, key);
        if (strncmp(key, "x-", 2) == 0)
            continue;
        seen++;
        rules[count] = (struct gw_response_rule){0};
        count += read_response(loading, &entry, &rules[count]);
    }
    if (seen == 0)
        contract_warn(loading, place, "an operation has at least one response");
    qsort(rules, count, sizeof(*rules), compare_rules);
    operation->responses = rules;
    operation->response_count = count;
}
