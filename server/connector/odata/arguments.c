#include <errno.h>

#include "server/connector/odata/request.h"

const struct gw_value *odata_argument(const struct odata_builder *builder, const char *name)
{
    const struct gw_value *value = gw_value_member(builder->arguments, gw_str_of(name));

    return value != NULL && value->type != GW_JSON_NULL ? value : NULL;
}

int odata_argument_text(const struct odata_builder *builder, const char *name,
                        struct gw_str *out_text)
{
    const struct gw_value *value = odata_argument(builder, name);

    if (value != NULL && value->type != GW_JSON_STRING)
        return gw_error_set(builder->error, -EINVAL, "%s must be a text", name);
    *out_text = value != NULL ? value->text : gw_str_from(NULL, 0);
    return 0;
}

int odata_argument_count(const struct odata_builder *builder, const char *name, int64_t *out_count)
{
    const struct gw_value *value = odata_argument(builder, name);
    uint64_t count;

    *out_count = -1;
    if (value == NULL)
        return 0;
    if (value->type != GW_JSON_NUMBER || gw_str_to_u64(value->text, &count) != 0 ||
        count > INT32_MAX)
        return gw_error_set(builder->error, -EINVAL, "%s must be an integer, 0 or more", name);
    *out_count = (int64_t)count;
    return 0;
}

int odata_argument_flag(const struct odata_builder *builder, const char *name, bool *out_flag)
{
    const struct gw_value *value = odata_argument(builder, name);

    if (value != NULL && value->type != GW_JSON_TRUE && value->type != GW_JSON_FALSE)
        return gw_error_set(builder->error, -EINVAL, "%s must be true or false", name);
    *out_flag = value != NULL && value->type == GW_JSON_TRUE;
    return 0;
}
