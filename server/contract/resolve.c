#include "resolve.h"

#include <errno.h>

/* The member or item that one token (decoded in place) names, or NULL. */
static const json_t *step(const json_t *value, char *token)
{
    char *out = token;

    for (const char *in = token; *in != '\0'; in++) {
        char byte = *in;
        if (byte == '~') {
            in++;
            if (*in != '0' && *in != '1')
                return NULL;
            byte = *in == '0' ? '~' : '/';
        }
        *out++ = byte;
    }
    *out = '\0';
    if (json_is_object(value))
        return json_object_get(value, token);

    uint64_t index;
    struct gw_str text = gw_str_of(token);
    bool has_leading_zero = text.len > 1 && token[0] == '0';
    if (!json_is_array(value) || has_leading_zero || gw_str_to_u64(text, &index) != 0)
        return NULL;
    return json_array_get(value, (size_t)index);
}

static const json_t *find(struct gw_arena *arena, const json_t *root, struct gw_str pointer)
{
    struct gw_str rest = pointer;
    struct gw_str token;
    const json_t *value = root;

    if (pointer.len == 0)
        return root;
    if (pointer.ptr[0] != '/')
        return NULL;
    rest = gw_str_tail(rest, 1);
    while (value != NULL && gw_str_split(&rest, '/', &token)) {
        struct gw_str copy = gw_arena_copy(arena, token);
        value = copy.ptr == NULL ? NULL : step(value, (char *)(uintptr_t)copy.ptr);
    }
    return value;
}

static int follow_once(struct gw_reference_resolver *resolver, const struct gw_place *place,
                       struct gw_str ref, struct gw_place *out_target)
{
    struct gw_place at = gw_place_member(place, "$ref");
    size_t hash = gw_str_find(ref, '#');
    struct gw_contract_file *file = place->file;
    struct gw_error error;

    if (hash > 0) {
        struct gw_str name =
            gw_reference_resolver_name(resolver, place->file, gw_str_from(ref.ptr, hash), &error);
        int rc =
            name.ptr == NULL ? -EINVAL : gw_reference_resolver_open(resolver, name, &file, &error);
        if (rc != 0) {
            gw_place_report(resolver, &at, GW_SEVERITY_ERROR, "%s", error.text);
            return -EINVAL;
        }
    }
    struct gw_str fragment = hash < ref.len ? gw_str_tail(ref, hash + 1) : GW_STR("");
    struct gw_str pointer = contract_decode_uri(resolver->arena, fragment);
    const json_t *value =
        pointer.ptr == NULL ? NULL : find(resolver->arena, file->document->root, pointer);
    if (value == NULL) {
        gw_place_report(resolver, &at, GW_SEVERITY_ERROR, "there is nothing at \"%.*s\"%s%s",
                        GW_STR_ARG(ref), hash > 0 ? " in " : "", hash > 0 ? file->path.ptr : "");
        return -EINVAL;
    }
    *out_target = (struct gw_place){.file = file, .value = value, .base = pointer.ptr};
    return 0;
}

static void warn_of_siblings(struct gw_reference_resolver *resolver, const struct gw_place *place)
{
    const char *key;
    json_t *value;
    json_t *object = (json_t *)(uintptr_t)place->value; /* jansson's iteration is not const */

    json_object_foreach(object, key, value)
    {
        if (strcmp(key, "$ref") == 0 || strcmp(key, "summary") == 0 ||
            strcmp(key, "description") == 0 || strncmp(key, "x-", 2) == 0)
            continue;
        struct gw_place at = gw_place_member(place, key);
        gw_place_report_key(resolver, &at, GW_SEVERITY_WARNING, "\"%s\" beside $ref has no meaning",
                            key);
    }
}

static int follow(struct gw_reference_resolver *resolver, const struct gw_place *place,
                  bool is_schema, struct gw_place *out_target)
{
    struct gw_place current = *place;

    for (int links = 0; links <= GW_RESOLVER_MAX_CHAIN; links++) {
        const json_t *ref = json_object_get(current.value, "$ref");
        if (ref == NULL) {
            *out_target = current;
            return 0;
        }
        if (!json_is_string(ref)) {
            struct gw_place at = gw_place_member(&current, "$ref");
            gw_place_report(resolver, &at, GW_SEVERITY_ERROR, "$ref must be a string");
            return -EINVAL;
        }
        if (!is_schema)
            warn_of_siblings(resolver, &current);
        struct gw_place target;
        struct gw_str text = {json_string_value(ref), json_string_length(ref)};
        int rc = follow_once(resolver, &current, text, &target);
        if (rc != 0)
            return rc;
        current = target;
    }
    struct gw_place at = gw_place_member(place, "$ref");
    gw_place_report(resolver, &at, GW_SEVERITY_ERROR, "this reference goes in a circle");
    return -EINVAL;
}

int gw_reference_resolver_follow(struct gw_reference_resolver *resolver,
                                 const struct gw_place *place, struct gw_place *out_target)
{
    return follow(resolver, place, false, out_target);
}

int gw_reference_resolver_follow_schema(struct gw_reference_resolver *resolver,
                                        const struct gw_place *place, struct gw_place *out_target)
{
    return follow(resolver, place, true, out_target);
}
