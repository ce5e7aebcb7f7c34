#include "server/connector/odata/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/connector/odata/literal.h"
#include "server/core/buf.h"
#include "server/json/option.h"

const struct gw_option odata_options[] = {
    {.name = "version",
     .type = GW_ENUM,
     .words = "v4 v2",
     .value = "v4",
     .help = "The protocol that the service speaks."},
    {.name = "csrf",
     .type = GW_BOOL,
     .value = "false",
     .help = "Whether writes need a token that is fetched before (X-CSRF-Token, as SAP Gateway)."},
    {.name = "batch",
     .type = GW_ENUM,
     .words = "json multipart",
     .help = "How $batch is written. By default JSON for v4; v2 knows multipart only."},
    {.name = "repeatability",
     .type = GW_BOOL,
     .value = "false",
     .help = "Whether the service knows Repeatability-Request-ID: then every write of this backend "
             "is effective once."},
    {.name = "exactNumbers",
     .type = GW_BOOL,
     .value = "true",
     .help = "Of v4: decimals and 64-bit integers are asked for, and sent, as text "
             "(IEEE754Compatible). Turn it off for a service that refuses the parameter."},
    {.name = "midnightIsDate",
     .type = GW_BOOL,
     .value = "true",
     .help =
         "Of v2, which has no dates: a time without a zone that is at midnight becomes a date."},
    {.name = "maxPages",
     .type = GW_INT,
     .min = 1,
     .max = 1000,
     .value = "20",
     .help = "How many of the server's pages one call follows at most."},
    {.name = "maxItems",
     .type = GW_INT,
     .min = 1,
     .max = 100000,
     .value = "10000",
     .help = "How many items one call returns at most."},
    {.name = "maxAnswer",
     .type = GW_BYTES,
     .min = 1024,
     .max = 256 << 20,
     .value = "16MiB",
     .help = "The largest answer that is read."},
    {.name = "query",
     .type = GW_MAP,
     .max = 16,
     .help = "Added to every request's query, such as sap-client: \"100\"."},
    {0},
};

static int join_query(const json_t *config, struct gw_str *out_query)
{
    const char *name;
    json_t *value;
    struct gw_buf buf;

    gw_buf_init(&buf, 4096);
    json_object_foreach(json_object_get(config, "query"), name, value)
    {
        if (buf.len > 0)
            gw_buf_append_byte(&buf, '&');
        odata_encode(&buf, gw_str_of(name));
        gw_buf_append_byte(&buf, '=');
        odata_encode(&buf, gw_str_from(json_string_value(value), json_string_length(value)));
    }
    int rc = buf.has_failed ? -ENOMEM : 0;
    char *text = rc == 0 ? gw_str_duplicate(gw_buf_str(&buf)) : NULL;
    if (text != NULL)
        *out_query = gw_str_from(text, buf.len);
    gw_buf_finish(&buf);
    return text != NULL ? 0 : -ENOMEM;
}

int odata_settings_init(struct odata_settings *settings, const json_t *config,
                        struct gw_error *error)
{
    const char *batch = json_string_value(json_object_get(config, "batch"));
    bool is_v2 = strcmp(json_string_value(json_object_get(config, "version")), "v2") == 0;

    memset(settings, 0, sizeof(*settings));
    if (is_v2 && batch != NULL && strcmp(batch, "json") == 0)
        return gw_error_set_at(error, -EINVAL, "/batch", "v2 has no $batch in JSON: use multipart");
    settings->version = is_v2 ? ODATA_V2 : ODATA_V4;
    settings->batches_json = !is_v2 && (batch == NULL || strcmp(batch, "json") == 0);
    settings->needs_csrf_token = json_is_true(json_object_get(config, "csrf"));
    settings->has_repeatability = json_is_true(json_object_get(config, "repeatability"));
    settings->exact_numbers = !is_v2 && json_is_true(json_object_get(config, "exactNumbers"));
    settings->midnight_is_date = json_is_true(json_object_get(config, "midnightIsDate"));
    settings->max_pages = (uint32_t)json_integer_value(json_object_get(config, "maxPages"));
    settings->max_items = (uint32_t)json_integer_value(json_object_get(config, "maxItems"));
    settings->max_answer_bytes = (size_t)json_integer_value(json_object_get(config, "maxAnswer"));
    if (join_query(config, &settings->query) != 0)
        return gw_error_set(error, -ENOMEM, "not enough memory for an OData backend");
    return 0;
}

void odata_settings_finish(struct odata_settings *settings)
{
    free((char *)(uintptr_t)settings->query.ptr);
    settings->query = gw_str_from(NULL, 0);
}
