#include "server/connector/odata/path.h"

#include <errno.h>

#include "server/connector/odata/literal.h"
#include "server/core/buf.h"

/* --- keys ------------------------------------------------------------------------------------- */

static int write_literal(struct gw_buf *out, enum odata_version version,
                         const struct gw_value *value, struct gw_error *error)
{
    struct gw_buf literal;

    if (value->type == GW_JSON_NULL)
        return gw_error_set(error, -EINVAL, "a key must not be null");
    gw_buf_init(&literal, ODATA_MAX_TARGET_BYTES);
    int rc = odata_literal_write(&literal, version, value, error);
    if (rc == 0 && literal.has_failed)
        rc = gw_error_set(error, -EINVAL, "the key is too long");
    if (rc == 0)
        odata_encode(out, gw_buf_str(&literal));
    gw_buf_finish(&literal);
    return rc;
}

static int write_parts(struct gw_buf *out, enum odata_version version, const struct gw_value *key,
                       struct gw_error *error)
{
    int rc = 0;

    for (uint32_t i = 0; i < key->count && rc == 0; i++) {
        struct gw_str name = key->members[i].name;
        if (!odata_is_name(name))
            return gw_error_set(error, -EINVAL, "\"%.*s\" is no name of a key", GW_STR_ARG(name));
        if (i > 0)
            gw_buf_append_byte(out, ',');
        odata_encode(out, name);
        gw_buf_append_byte(out, '=');
        rc = write_literal(out, version, &key->members[i].value, error);
    }
    return rc;
}

int odata_key_write(struct gw_buf *out, enum odata_version version, const struct gw_value *key,
                    struct gw_error *error)
{
    enum odata_mark mark;
    struct gw_str text;
    int rc = odata_mark_read(key, &mark, &text, error);

    if (rc != 0)
        return rc;
    if (key->type == GW_JSON_OBJECT && key->count == 0)
        return gw_error_set(error, -EINVAL, "the key has no parts");
    gw_buf_append_byte(out, '(');
    if (key->type == GW_JSON_OBJECT && mark == ODATA_UNMARKED)
        rc = write_parts(out, version, key, error);
    else
        rc = write_literal(out, version, key, error);
    gw_buf_append_byte(out, ')');
    return rc;
}

/* --- paths ------------------------------------------------------------------------------------ */

/* "$ID" in a batch, whose ids are names (see batch.h). */
static bool is_reference(struct gw_str entity)
{
    return entity.len > 1 && entity.ptr[0] == '$' && odata_is_name(gw_str_tail(entity, 1));
}

static int write_navigation(struct gw_buf *out, const struct odata_builder *builder)
{
    struct gw_str navigation;
    int rc = odata_argument_text(builder, "navigation", &navigation);

    if (rc != 0 || navigation.len == 0)
        return rc;
    if (!odata_is_name(navigation))
        return gw_error_set(builder->error, -EINVAL, "\"%.*s\" is no name of a navigation property",
                            GW_STR_ARG(navigation));
    gw_buf_append_byte(out, '/');
    odata_encode(out, navigation);
    return 0;
}

int odata_path_write(struct gw_buf *out, const struct odata_builder *builder, bool needs_key)
{
    const struct gw_value *key = odata_argument(builder, "key");
    struct gw_str entity;
    int rc = odata_argument_text(builder, "entity", &entity);

    if (rc != 0)
        return rc;
    bool refers = builder->in_batch && is_reference(entity);
    if (!refers && !odata_is_name(entity))
        return gw_error_set(builder->error, -EINVAL, "\"%.*s\" is no name of an entity set",
                            GW_STR_ARG(entity));
    if (refers && key != NULL)
        return gw_error_set(builder->error, -EINVAL, "what \"%.*s\" refers to has its key already",
                            GW_STR_ARG(entity));
    if (needs_key && key == NULL && !refers)
        return gw_error_set(builder->error, -EINVAL, "the key is missing");
    gw_buf_append_byte(out, '/');
    odata_encode(out, entity);
    if (key != NULL)
        rc = odata_key_write(out, builder->settings->version, key, builder->error);
    return rc == 0 ? write_navigation(out, builder) : rc;
}
