/* x-millgate: cache: whether answers may be kept. What stands nearest to the operation counts as a
 * whole; `false` ends what is inherited. */
#include "loading.h"

#include "server/core/clock.h"
#include "server/json/option.h"
#include "server/net/http_parser.h"

#define MAX_TAGS 16
#define MAX_IGNORED 32
#define MAX_TAG_BYTES 256
#define MAX_DURATION_S (INT64_C(365) * 86400)

static int64_t read_seconds(struct contract_loading *loading, const struct gw_place *cache,
                            const char *key)
{
    struct gw_place place = gw_place_member(cache, key);
    int64_t ns;

    if (!json_is_string(place.value))
        return 0; /* said, or not there */
    if (gw_option_duration_parse(gw_str_of(json_string_value(place.value)), &ns) == 0 &&
        ns % (int64_t)GW_NS_PER_SECOND == 0 && ns / (int64_t)GW_NS_PER_SECOND <= MAX_DURATION_S)
        return ns / (int64_t)GW_NS_PER_SECOND;
    contract_error(loading, &place, "is a duration of whole seconds, at most 365d, like \"30s\"");
    return 0;
}

/* An inherited tag may name a parameter that this path does not have: then the operation is without
 * the tag. */
static bool read_tag(struct contract_loading *loading, const struct gw_place *item,
                     const struct gw_path_template *path, bool is_own, struct gw_cache_tag *out_tag)
{
    struct gw_str text = contract_copy(loading, gw_str_of(json_string_value(item->value)));
    size_t max_count = 1;

    for (size_t i = 0; i < text.len; i++)
        max_count += text.ptr[i] == '{' ? 2 : 0;
    struct gw_path_part *parts = contract_alloc(loading, max_count, sizeof(*parts));
    size_t count = 0;
    while (parts != NULL && text.len > 0) {
        size_t open = gw_str_find(text, '{');
        if (open > 0)
            parts[count++] = (struct gw_path_part){gw_str_from(text.ptr, open), SIZE_MAX};
        text = gw_str_tail(text, open);
        if (text.len == 0)
            break;
        size_t close = gw_str_find(text, '}');
        struct gw_str name = gw_str_from(text.ptr + 1, close - 1);
        size_t parameter = close < text.len ? gw_path_template_find(path, name) : SIZE_MAX;
        if (parameter == SIZE_MAX) {
            if (is_own)
                contract_error(loading, item, "{%.*s} is no parameter of the operation's path",
                               GW_STR_ARG(name));
            return false;
        }
        parts[count++] = (struct gw_path_part){GW_STR(""), parameter};
        text = gw_str_tail(text, close + 1);
    }
    *out_tag = (struct gw_cache_tag){parts, count};
    return parts != NULL;
}

static bool is_tag(const struct gw_place *item)
{
    struct gw_str text = gw_str_of(json_string_value(item->value));

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte <= ' ' || byte == 0x7f || byte == ',')
            return false;
    }
    return json_is_string(item->value) && text.len > 0 && text.len <= MAX_TAG_BYTES;
}

static void read_tags(struct contract_loading *loading, const struct gw_place *cache,
                      const struct gw_path_template *path, bool is_own, struct gw_cache_rule *rule)
{
    struct gw_place list = gw_place_member(cache, "tags");
    size_t count = json_array_size(list.value);

    if (count > MAX_TAGS) {
        contract_error(loading, &list, "more than %d tags", MAX_TAGS);
        return;
    }
    struct gw_cache_tag *tags = contract_alloc(loading, count, sizeof(*tags));
    for (size_t i = 0; tags != NULL && i < count; i++) {
        struct gw_place item = gw_place_item(&list, i);
        if (!is_tag(&item))
            contract_error(loading, &item, "a tag is 1 to %d bytes without space or comma",
                           MAX_TAG_BYTES);
        else if (read_tag(loading, &item, path, is_own, &tags[rule->tag_count]))
            rule->tag_count++;
    }
    rule->tags = tags;
}

static void read_ignored(struct contract_loading *loading, const struct gw_place *cache,
                         struct gw_cache_rule *rule)
{
    struct gw_place list = gw_place_member(cache, "ignore");
    size_t count = json_array_size(list.value);

    if (count > MAX_IGNORED) {
        contract_error(loading, &list, "more than %d fields", MAX_IGNORED);
        return;
    }
    struct gw_str *names = contract_alloc(loading, count, sizeof(*names));
    for (size_t i = 0; names != NULL && i < count; i++) {
        struct gw_place item = gw_place_item(&list, i);
        struct gw_str name = gw_str_of(json_string_value(item.value));
        if (!gw_http_is_token(name) || gw_str_equal_nocase(name, GW_STR("authorization")) ||
            gw_str_equal_nocase(name, GW_STR("cookie")))
            contract_error(loading, &item,
                           "is the name of a request field; not Authorization, not Cookie");
        else
            names[rule->ignored_count++] = contract_copy(loading, name);
    }
    rule->ignored = names;
}

void contract_read_cache(struct contract_loading *loading, const struct gw_place *place,
                         const struct gw_place *path_extension, const struct gw_path_template *path,
                         struct gw_operation *operation)
{
    struct gw_place own = gw_place_member(place, "x-millgate");
    struct gw_place root = gw_place_member(&loading->root, "x-millgate");
    const struct gw_place *const extensions[] = {&own, path_extension, &root};
    struct gw_place cache = {0};
    size_t at = 0;

    for (; at < GW_COUNT_OF(extensions) && cache.value == NULL; at++)
        cache = gw_place_member(extensions[at], "cache");
    bool is_own = at == 1;
    if (operation->method != GW_METHOD_GET) {
        if (is_own && json_is_object(cache.value))
            contract_error(loading, &cache, "only answers to GET are kept");
        return;
    }
    if (!json_is_object(cache.value) && !json_is_true(cache.value))
        return;
    if (json_is_object(cache.value))
        (void)contract_check_object(loading, &cache, CONTRACT_CACHE);
    struct gw_cache_rule *rule = contract_alloc(loading, 1, sizeof(*rule));
    if (rule == NULL)
        return;
    rule->is_shared = contract_flag(&cache, "shared", false);
    rule->ttl_s = read_seconds(loading, &cache, "ttl");
    rule->stale_while_revalidate_s = read_seconds(loading, &cache, "stale_while_revalidate");
    rule->stale_if_error_s = read_seconds(loading, &cache, "stale_if_error");
    read_tags(loading, &cache, path, is_own, rule);
    read_ignored(loading, &cache, rule);
    operation->cache = rule;
    loading->api->keeps_answers = true;
}
