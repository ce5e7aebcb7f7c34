#include "server/connector/soap/names.h"

#include <errno.h>

#include "server/connector/soap/text.h"
#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/utf8.h"

static bool is_name_start(unsigned char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_' ||
           byte >= 0x80;
}

bool soap_is_plain_name(struct gw_str name)
{
    if (name.len == 0 || !is_name_start((unsigned char)name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.ptr[i];
        bool is_further = (byte >= '0' && byte <= '9') || byte == '-' || byte == '.';
        if (!is_name_start(byte) && !is_further)
            return false;
    }
    return gw_utf8_is_valid(name);
}

static bool is_ours(struct gw_str prefix)
{
    static const char *const ours[] = {"soap", "wsse", "wsu", "xsi", "xsd"};

    for (size_t i = 0; i < GW_COUNT_OF(ours); i++) {
        if (gw_str_equal(prefix, gw_str_of(ours[i])))
            return true;
    }
    return gw_str_has_prefix_nocase(prefix, GW_STR("xml"));
}

static struct soap_prefix *find(struct soap_names *names, struct gw_str prefix)
{
    for (size_t i = 0; i < names->count; i++) {
        if (gw_str_equal(names->items[i].prefix, prefix))
            return &names->items[i];
    }
    return NULL;
}

int soap_names_add(struct soap_names *names, struct gw_str prefix, struct gw_str uri,
                   struct gw_error *error)
{
    if (prefix.len == 0) {
        names->default_uri = uri;
        return 0;
    }
    if (!soap_is_plain_name(prefix) || is_ours(prefix))
        return gw_error_set(error, -EINVAL, "\"%.*s\" cannot be a prefix", GW_STR_ARG(prefix));
    if (uri.len == 0)
        return gw_error_set(error, -EINVAL, "the prefix \"%.*s\" has no namespace",
                            GW_STR_ARG(prefix));
    struct soap_prefix *at = find(names, prefix);
    if (at == NULL && names->count == SOAP_MAX_PREFIXES)
        return gw_error_set(error, -EINVAL, "more than %d prefixes", SOAP_MAX_PREFIXES);
    if (at == NULL)
        at = &names->items[names->count++];
    *at = (struct soap_prefix){prefix, uri};
    return 0;
}

int soap_names_add_all(struct soap_names *names, const struct gw_value *object,
                       struct gw_error *error)
{
    int rc = 0;

    if (object == NULL || object->type == GW_JSON_NULL)
        return 0;
    if (object->type != GW_JSON_OBJECT)
        return gw_error_set(error, -EINVAL, "`namespaces` is no object");
    for (uint32_t i = 0; i < object->count && rc == 0; i++) {
        const struct gw_value_member *member = &object->members[i];
        if (member->value.type != GW_JSON_STRING)
            return gw_error_set(error, -EINVAL, "the namespace of \"%.*s\" is no text",
                                GW_STR_ARG(member->name));
        rc = soap_names_add(names, member->name, member->value.text, error);
    }
    return rc;
}

void soap_names_write(struct gw_buf *out, const struct soap_names *names)
{
    if (names->default_uri.len > 0) {
        gw_buf_append_text(out, " xmlns=\"");
        soap_write_text(out, names->default_uri);
        gw_buf_append_byte(out, '"');
    }
    for (size_t i = 0; i < names->count; i++) {
        gw_buf_append_text(out, " xmlns:");
        gw_buf_append_str(out, names->items[i].prefix);
        gw_buf_append_text(out, "=\"");
        soap_write_text(out, names->items[i].uri);
        gw_buf_append_byte(out, '"');
    }
}

bool soap_is_name(const struct soap_names *names, struct gw_str name)
{
    size_t colon = gw_str_find(name, ':');
    struct gw_str prefix = gw_str_from(name.ptr, colon);

    if (colon == name.len)
        return soap_is_plain_name(name);
    if (!soap_is_plain_name(gw_str_tail(name, colon + 1)))
        return false;
    for (size_t i = 0; i < names->count; i++) {
        if (gw_str_equal(names->items[i].prefix, prefix))
            return true;
    }
    return gw_str_equal(prefix, GW_STR("xsi")) || gw_str_equal(prefix, GW_STR("xsd"));
}

struct gw_str soap_key(struct gw_arena *arena, const struct soap_names *names, const char *mark,
                       const struct soap_name *name)
{
    for (size_t i = 0; i < names->count && name->uri.len > 0; i++) {
        const struct soap_prefix *at = &names->items[i];
        if (gw_str_equal(at->uri, name->uri)) {
            const struct gw_str parts[] = {gw_str_of(mark), at->prefix, GW_STR(":"), name->local};
            return gw_arena_join(arena, parts, GW_COUNT_OF(parts));
        }
    }
    if (mark[0] == '\0')
        return name->local;
    const struct gw_str parts[] = {gw_str_of(mark), name->local};
    return gw_arena_join(arena, parts, GW_COUNT_OF(parts));
}
