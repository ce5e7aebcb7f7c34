#include "policies/cache/entry.h"

#include <stdlib.h>

#include "policies/cache/validators.h"
#include "server/core/clock.h"

bool cache_field_is_kept(struct gw_str name)
{
    static const struct gw_str dropped[] = {
        GW_STR_INIT("Age"),
        GW_STR_INIT("Cache-Status"),
        GW_STR_INIT("Cache-Tag"),
        GW_STR_INIT("Surrogate-Key"),
        GW_STR_INIT("Surrogate-Control"),
        GW_STR_INIT("Content-Length"),
    };

    for (size_t i = 0; i < GW_COUNT_OF(dropped); i++) {
        if (gw_str_equal_nocase(name, dropped[i]))
            return false;
    }
    return true;
}

static size_t measure(const struct cache_draft *draft, size_t *out_fields)
{
    size_t bytes = draft->vary.len + 1 + draft->body.len;

    *out_fields = 0;
    for (size_t i = 0; i < draft->field_count; i++) {
        if (!cache_field_is_kept(draft->fields[i].name))
            continue;
        bytes += draft->fields[i].name.len + draft->fields[i].value.len + 2;
        (*out_fields)++;
    }
    return bytes;
}

static struct gw_str keep(char **at, struct gw_str text)
{
    char *copy = *at;

    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *at += text.len + 1;
    return gw_str_from(copy, text.len);
}

struct cache_entry *cache_entry_create(const struct cache_draft *draft)
{
    size_t field_count;
    size_t text_bytes = measure(draft, &field_count);
    size_t bytes = sizeof(struct cache_entry) + field_count * sizeof(struct gw_field) + text_bytes;
    struct cache_entry *entry = malloc(bytes);

    if (entry == NULL)
        return NULL;
    *entry = (struct cache_entry){
        .references = 1,
        .bytes = bytes,
        .key = draft->key,
        .variant = draft->variant,
        .status = draft->status,
        .fields = (struct gw_field *)(void *)(entry + 1),
        .terms = draft->terms,
        .born_ns = draft->came_ns - draft->terms.age_s * (int64_t)GW_NS_PER_SECOND,
        .known = draft->known,
        .epoch = draft->epoch,
        .tag_count = draft->tag_count,
    };
    memcpy(entry->tags, draft->tags, sizeof(entry->tags));
    char *at = (char *)(entry->fields + field_count);
    for (size_t i = 0; i < draft->field_count; i++) {
        const struct gw_field *field = &draft->fields[i];
        if (!cache_field_is_kept(field->name))
            continue;
        struct gw_str name = keep(&at, field->name);
        entry->fields[entry->field_count++] = (struct gw_field){name, keep(&at, field->value)};
    }
    entry->vary = keep(&at, draft->vary);
    if (draft->body.len > 0)
        memcpy(at, draft->body.ptr, draft->body.len);
    entry->body = gw_str_from(at, draft->body.len);

    const struct gw_str *etag = gw_field_find(entry->fields, entry->field_count, GW_STR("ETag"));
    const struct gw_str *modified =
        gw_field_find(entry->fields, entry->field_count, GW_STR("Last-Modified"));
    if (etag != NULL && etag_is_valid(*etag))
        entry->etag = *etag;
    if (modified != NULL)
        entry->modified = *modified;
    return entry;
}

struct cache_entry *cache_entry_retain(struct cache_entry *entry)
{
    entry->references++;
    return entry;
}

void cache_entry_release(void *self)
{
    struct cache_entry *entry = self;

    if (entry != NULL && --entry->references == 0)
        free(entry);
}

int64_t cache_entry_age_s(const struct cache_entry *entry, int64_t now_ns)
{
    return now_ns > entry->born_ns ? (now_ns - entry->born_ns) / (int64_t)GW_NS_PER_SECOND : 0;
}
