#include "server/connector/soap/template.h"

#include <errno.h>
#include <stdbool.h>

#include "server/connector/soap/text.h"
#include "server/connector/soap/xml.h"
#include "server/core/buf.h"

/* Where in a document something stands, as far as it says whether a value may. */
enum place {
    IN_TEXT,
    IN_TAG,
    IN_SINGLE, /* quotes */
    IN_DOUBLE,
    IN_COMMENT,
    IN_CDATA,
    IN_INSTRUCTION,
};

const struct gw_value *soap_value_at(const struct gw_value *value, struct gw_str path)
{
    struct gw_str rest = path, part;
    uint64_t index;

    while (path.len > 0 && value != NULL && gw_str_split(&rest, '.', &part)) {
        if (value->type == GW_JSON_ARRAY)
            value = gw_str_to_u64(part, &index) == 0 && index < value->count ? &value->items[index]
                                                                             : NULL;
        else
            value = gw_value_member(value, part);
    }
    return value;
}

/* The mark that `rest` begins with; how long it is. */
static size_t step_into(struct gw_str rest, enum place *place)
{
    static const struct {
        struct gw_str mark;
        enum place from, to;
    } steps[] = {
        {GW_STR_INIT("<!--"), IN_TEXT, IN_COMMENT},   {GW_STR_INIT("<![CDATA["), IN_TEXT, IN_CDATA},
        {GW_STR_INIT("<?"), IN_TEXT, IN_INSTRUCTION}, {GW_STR_INIT("<"), IN_TEXT, IN_TAG},
        {GW_STR_INIT(">"), IN_TAG, IN_TEXT},          {GW_STR_INIT("'"), IN_TAG, IN_SINGLE},
        {GW_STR_INIT("\""), IN_TAG, IN_DOUBLE},       {GW_STR_INIT("'"), IN_SINGLE, IN_TAG},
        {GW_STR_INIT("\""), IN_DOUBLE, IN_TAG},       {GW_STR_INIT("-->"), IN_COMMENT, IN_TEXT},
        {GW_STR_INIT("]]>"), IN_CDATA, IN_TEXT},      {GW_STR_INIT("?>"), IN_INSTRUCTION, IN_TEXT},
    };

    for (size_t i = 0; i < GW_COUNT_OF(steps); i++) {
        if (steps[i].from == *place && gw_str_has_prefix(rest, steps[i].mark)) {
            *place = steps[i].to;
            return steps[i].mark.len;
        }
    }
    return 1;
}

static int fill_one(struct gw_buf *out, struct gw_str path, const struct gw_value *values,
                    struct gw_error *error)
{
    const struct gw_value *value = path.len > 0 ? soap_value_at(values, path) : NULL;

    if (value == NULL)
        return gw_error_set(error, -EINVAL, "there is no value \"%.*s\"", GW_STR_ARG(path));
    if (value->type == GW_JSON_NULL)
        return 0;
    struct gw_str text = soap_scalar(value);
    if (text.ptr == NULL)
        return gw_error_set(error, -EINVAL,
                            "the value \"%.*s\" is no text, number or truth value that XML can say",
                            GW_STR_ARG(path));
    soap_write_text(out, text);
    return 0;
}

/* How long "{{ path }}" is; 0: it does not end. */
static size_t read_placeholder(struct gw_str rest, struct gw_str *out_path)
{
    for (size_t end = 2; end + 1 < rest.len; end++) {
        if (rest.ptr[end] == '}' && rest.ptr[end + 1] == '}') {
            *out_path = soap_trim(gw_str_from(rest.ptr + 2, end - 2));
            return end + 2;
        }
    }
    return 0;
}

int soap_template_fill(struct gw_buf *out, struct gw_str text, const struct gw_value *values,
                       struct gw_error *error)
{
    enum place place = IN_TEXT;
    struct gw_str path;
    size_t step;

    for (size_t at = 0; at < text.len; at += step) {
        struct gw_str rest = gw_str_tail(text, at);
        if (!gw_str_has_prefix(rest, GW_STR("{{"))) {
            step = step_into(rest, &place);
            gw_buf_append(out, rest.ptr, step);
            continue;
        }
        step = read_placeholder(rest, &path);
        if (step == 0)
            return gw_error_set(error, -EINVAL, "a \"{{\" does not end");
        if (place != IN_TEXT && place != IN_SINGLE && place != IN_DOUBLE)
            return gw_error_set(error, -EINVAL,
                                "\"{{%.*s}}\" stands where only text of yours may stand",
                                GW_STR_ARG(path));
        int rc = fill_one(out, path, values, error);
        if (rc != 0)
            return rc;
    }
    return 0;
}
