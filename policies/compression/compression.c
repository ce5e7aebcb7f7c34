#include "policies/compression/compression.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/compression/accept.h"
#include "policies/compression/encoder.h"
#include "policies/compression/stream.h"

#define MAX_TYPES 64

static const struct gw_option compression_options[] = {
    {.name = "enabled",
     .type = GW_BOOL,
     .value = "false",
     .help = "Mind BREACH: an answer that holds a secret beside text of the caller's choice, over "
             "TLS, tells its secret by its length."},
    {.name = "codings",
     .type = GW_LIST,
     .min = 1,
     .max = 2,
     .value = "[zstd, gzip]",
     .help = "`gzip`, `zstd`: the first that the client values most."},
    {.name = "types",
     .type = GW_LIST,
     .min = 1,
     .max = MAX_TYPES,
     .value = "[application/json, \"application/*+json\", application/xml, "
              "\"application/*+xml\", application/yaml, application/x-ndjson, text/csv, text/html, "
              "text/plain, text/xml]",
     .help = "Media types; `text/*` for all of a kind, `application/*+json` by the end."},
    {.name = "min_bytes",
     .type = GW_BYTES,
     .min = 1,
     .max = INT64_C(1) << 30,
     .value = "1KiB",
     .help = "Smaller answers gain nothing."},
    {.name = "gzip_level",
     .type = GW_INT,
     .min = 1,
     .max = 9,
     .value = "5",
     .help = "1 is the quickest."},
    {.name = "zstd_level",
     .type = GW_INT,
     .min = 1,
     .max = 9,
     .value = "3",
     .help = "1 is the quickest."},
    {.name = "max_streams",
     .type = GW_INT,
     .min = 1,
     .max = 10000,
     .value = "200",
     .help =
         "Answers that one worker codes at once; further ones go out as they are. Each takes up "
         "to 1 MiB."},
    {0},
};

struct compression {
    bool is_enabled;
    enum coding codings[2];
    size_t coding_count;
    struct gw_str types[MAX_TYPES];
    size_t type_count;
    int64_t min_bytes;
    struct compression_pool pool;
};

/* --- making --- */

static void compression_destroy(void *self)
{
    struct compression *compression = self;

    if (compression == NULL)
        return;
    compression_pool_finish(&compression->pool);
    free(compression);
}

static int read_codings(struct compression *compression, const json_t *names,
                        struct gw_error *error)
{
    for (size_t i = 0; i < json_array_size(names) && i < GW_COUNT_OF(compression->codings); i++) {
        struct gw_str name = gw_str_of(json_string_value(json_array_get(names, i)));
        enum coding coding = coding_find(name);
        if (coding != CODING_GZIP && coding != CODING_ZSTD)
            return gw_error_set_at(error, -EINVAL, "/codings", "\"%.*s\" is neither gzip nor zstd",
                                   GW_STR_ARG(name));
        compression->codings[compression->coding_count++] = coding;
    }
    return 0;
}

static int json_int(const json_t *config, const char *name)
{
    return (int)json_integer_value(json_object_get(config, name));
}

static int compression_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct compression *compression = calloc(1, sizeof(*compression));
    const json_t *types = json_object_get(config, "types");

    if (compression == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    compression->is_enabled = json_is_true(json_object_get(config, "enabled"));
    compression->min_bytes = json_integer_value(json_object_get(config, "min_bytes"));
    for (size_t i = 0; i < json_array_size(types) && i < MAX_TYPES; i++)
        compression->types[compression->type_count++] =
            gw_str_of(json_string_value(json_array_get(types, i)));
    compression->pool = (struct compression_pool){
        .levels = {[CODING_GZIP] = json_int(config, "gzip_level"),
                   [CODING_ZSTD] = json_int(config, "zstd_level")},
        .max_streams = (unsigned)json_int(config, "max_streams"),
    };
    int rc = read_codings(compression, json_object_get(config, "codings"), error);
    if (rc != 0) {
        compression_destroy(compression);
        return rc;
    }
    *out_self = compression;
    return 0;
}

/* --- which answers --- */

/* "application/json", "text/" star, "application/" star "+json". */
static bool is_in_range(struct gw_str type, struct gw_str range)
{
    size_t star = gw_str_find(range, '*');

    if (star == range.len)
        return gw_str_equal_nocase(type, range);
    struct gw_str end = gw_str_tail(range, star + 1);
    return type.len >= star + end.len &&
           gw_str_has_prefix_nocase(type, gw_str_from(range.ptr, star)) &&
           gw_str_equal_nocase(gw_str_tail(type, type.len - end.len), end);
}

static bool is_of_type(const struct compression *compression, const struct gw_exchange *ex)
{
    const struct gw_str *content_type = gw_response_field(ex, GW_STR("Content-Type"));

    if (content_type == NULL)
        return false;
    struct gw_str type = gw_str_from(content_type->ptr, gw_str_find(*content_type, ';'));
    type = gw_str_trim(type);
    for (size_t i = 0; i < compression->type_count; i++) {
        if (is_in_range(type, compression->types[i]))
            return true;
    }
    return false;
}

static bool lists(const struct gw_str *value, struct gw_str wanted)
{
    struct gw_str rest = value == NULL ? GW_STR("") : *value;
    struct gw_str item;

    while (gw_str_split(&rest, ',', &item)) {
        if (gw_str_equal_nocase(gw_str_trim(item), wanted))
            return true;
    }
    return false;
}

/* Fields that speak of the very bytes: with them the answer stays as it is. */
static bool is_pinned(const struct gw_exchange *ex)
{
    static const struct gw_str names[] = {
        GW_STR_INIT("Content-Encoding"), GW_STR_INIT("Content-Range"),
        GW_STR_INIT("Content-MD5"),      GW_STR_INIT("Digest"),
        GW_STR_INIT("Repr-Digest"),      GW_STR_INIT("Content-Digest"),
        GW_STR_INIT("Signature"),
    };

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        if (gw_response_field(ex, names[i]) != NULL)
            return true;
    }
    return lists(gw_response_field(ex, GW_STR("Cache-Control")), GW_STR("no-transform"));
}

/* Whether the answer to another Accept-Encoding could be another one. A problem of our own is left
 * alone: it may have to go out in the middle of an upload. */
static bool can_vary(const struct compression *compression, const struct gw_exchange *ex)
{
    int status = ex->response.status;

    return status >= 200 && status != 204 && status != 205 && status != 206 && status != 304 &&
           ex->record.problem == NULL && is_of_type(compression, ex) && !is_pinned(ex);
}

static bool has_body(const struct compression *compression, const struct gw_exchange *ex,
                     bool is_identity_refused)
{
    const struct gw_response *response = &ex->response;
    int64_t bytes = response->source == NULL ? (int64_t)response->body.len : response->body_bytes;

    if (ex->request.method == GW_METHOD_HEAD || bytes == 0)
        return false;
    return is_identity_refused || bytes < 0 || bytes >= compression->min_bytes;
}

/* --- the head --- */

static int add_vary(struct gw_exchange *ex)
{
    const struct gw_str *given = gw_response_field(ex, GW_STR("Vary"));
    struct gw_str names = GW_STR("Accept-Encoding");

    if (lists(given, names) || lists(given, GW_STR("*")))
        return 0;
    if (given != NULL) {
        names = gw_arena_printf(&ex->arena, "%.*s, Accept-Encoding", GW_STR_ARG(*given));
        if (names.ptr == NULL)
            return -ENOMEM;
        gw_response_remove_field(ex, GW_STR("Vary"));
    }
    return gw_response_add_field(ex, GW_STR("Vary"), names);
}

/* RFC 9110, section 8.8.3.3: what is the same but for its coding is the same weakly. */
static int weaken_etag(struct gw_exchange *ex)
{
    const struct gw_str *etag = gw_response_field(ex, GW_STR("ETag"));

    if (etag == NULL || gw_str_has_prefix(*etag, GW_STR("W/")))
        return 0;
    struct gw_str weak = gw_arena_printf(&ex->arena, "W/%.*s", GW_STR_ARG(*etag));
    if (weak.ptr == NULL)
        return -ENOMEM;
    gw_response_remove_field(ex, GW_STR("ETag"));
    return gw_response_add_field(ex, GW_STR("ETag"), weak);
}

static int change_head(struct gw_exchange *ex, enum coding coding)
{
    int rc = weaken_etag(ex);

    gw_response_remove_field(ex, GW_STR("Accept-Ranges"));
    return rc != 0 ? rc
                   : gw_response_add_field(ex, GW_STR("Content-Encoding"), coding_name(coding));
}

static enum gw_verdict compression_on_response(void *self, struct gw_exchange *ex)
{
    struct compression *compression = self;

    if (!compression->is_enabled || !can_vary(compression, ex))
        return GW_NEXT;
    if (add_vary(ex) != 0)
        return GW_FAIL;
    struct coding_choice choice = coding_choose(ex->request.fields, ex->request.field_count,
                                                compression->codings, compression->coding_count);
    if (choice.coding == CODING_IDENTITY || !has_body(compression, ex, choice.is_identity_refused))
        return GW_NEXT;
    int rc = compression_stream_start(&compression->pool, ex, choice.coding);
    if (rc == -EBUSY)
        return GW_NEXT; /* as it is */
    return rc == 0 && change_head(ex, choice.coding) == 0 ? GW_NEXT : GW_FAIL;
}

const struct gw_filter_type gw_compression = {
    .name = "compression",
    .options = compression_options,
    .create = compression_create,
    .destroy = compression_destroy,
    .on_response = compression_on_response,
};
