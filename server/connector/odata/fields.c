/* The fields of requests to an OData service. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "server/connector/odata/run.h"
#include "server/core/arena.h"
#include "server/core/clock.h"
#include "server/crypto/digest.h"
#include "server/upstream/backend.h"

#define UUID_LEN 36

struct field_list {
    struct gw_field *fields;
    size_t count;
};

static void add(struct field_list *list, const char *name, struct gw_str value)
{
    list->fields[list->count++] = (struct gw_field){gw_str_of(name), value};
}

/* A UUID that is the same for the same effect: of version 8 (RFC 9562, section 5.8). */
static struct gw_str repeatability_id(struct gw_arena *arena, struct gw_str effect_key)
{
    uint8_t digest[GW_SHA256_BYTES];

    gw_digest_compute(GW_SHA256, effect_key, digest);
    digest[6] = (uint8_t)((digest[6] & 0x0f) | 0x80);
    digest[8] = (uint8_t)((digest[8] & 0x3f) | 0x80);
    return gw_arena_printf(
        arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", digest[0],
        digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7], digest[8],
        digest[9], digest[10], digest[11], digest[12], digest[13], digest[14], digest[15]);
}

/* An HTTP-date (RFC 9110, section 5.6.7). */
static struct gw_str http_date(struct gw_arena *arena)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)(gw_clock_realtime_ns() / GW_NS_PER_SECOND);
    struct tm at;

    if (gmtime_r(&now, &at) == NULL)
        return gw_str_from(NULL, 0);
    return gw_arena_printf(arena, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + at.tm_wday * 3,
                           at.tm_mday, months + at.tm_mon * 3, at.tm_year + 1900, at.tm_hour,
                           at.tm_min, at.tm_sec);
}

/* OASIS Repeatable Requests 1.0. */
static int add_repeatability(const struct odata_run *run, struct field_list *list)
{
    struct gw_arena *arena = run->call->arena;
    struct gw_str id = repeatability_id(arena, run->call->effect_key);
    struct gw_str date = http_date(arena);

    if (id.ptr == NULL || date.ptr == NULL)
        return -ENOMEM;
    add(list, "Repeatability-Request-ID", id);
    add(list, "Repeatability-First-Sent", date);
    return 0;
}

/* The field that the operator has named as the one that the backend knows keys by. */
static int add_key(const struct odata_run *run, struct field_list *list)
{
    const struct gw_effect *effect = &run->odata->backend->config->effect;

    if (effect->class != GW_EFFECT_KEYED || effect->key_field.len == 0)
        return 0;
    struct gw_str text = gw_connector_key_text(run->call->arena, run->call->effect_key);
    if (text.ptr != NULL && !effect->is_key_bare)
        text = gw_arena_printf(run->call->arena, "\"%.*s\"", GW_STR_ARG(text));
    if (text.ptr == NULL)
        return -ENOMEM;
    list->fields[list->count++] = (struct gw_field){effect->key_field, text};
    return 0;
}

static int add_effect(const struct odata_run *run, struct field_list *list)
{
    if (run->call->effect_key.len == 0)
        return 0;
    int rc = run->odata->settings.has_repeatability ? add_repeatability(run, list) : 0;
    return rc == 0 ? add_key(run, list) : rc;
}

static void add_version(const struct odata_settings *settings, struct field_list *list)
{
    bool is_v2 = settings->version == ODATA_V2;

    add(list, is_v2 ? "DataServiceVersion" : "OData-Version",
        is_v2 ? GW_STR("2.0") : GW_STR("4.0"));
    add(list, is_v2 ? "MaxDataServiceVersion" : "OData-MaxVersion",
        is_v2 ? GW_STR("2.0") : GW_STR("4.01"));
}

static struct gw_str json_media_type(const struct odata_settings *settings)
{
    return settings->exact_numbers ? GW_STR("application/json;IEEE754Compatible=true")
                                   : GW_STR("application/json");
}

static int add_csrf(const struct odata_run *run, struct field_list *list)
{
    const struct odata *odata = run->odata;

    if (odata->token_len == 0)
        return 0;
    struct gw_str token =
        gw_arena_copy(run->call->arena, gw_str_from(odata->token, odata->token_len));
    struct gw_str cookie =
        gw_arena_copy(run->call->arena, gw_str_from(odata->cookie, odata->cookie_len));
    if (token.ptr == NULL || cookie.ptr == NULL)
        return -ENOMEM;
    add(list, "X-CSRF-Token", token);
    if (cookie.len > 0)
        add(list, "Cookie", cookie);
    return 0;
}

int odata_fields(const struct odata_run *run, struct gw_field out_fields[ODATA_MAX_FIELDS],
                 size_t *out_count)
{
    const struct odata_request *request = run->request;
    const struct odata_settings *settings = &run->odata->settings;
    struct field_list list = {.fields = out_fields};
    int rc = 0;

    add_version(settings, &list);
    if (run->is_fetching) {
        add(&list, "Accept", GW_STR("application/json"));
        add(&list, "X-CSRF-Token", GW_STR("Fetch"));
    } else {
        add(&list, "Accept",
            run->content_type.len > 0 && !settings->batches_json ? GW_STR("multipart/mixed")
                                                                 : json_media_type(settings));
        if (request->is_write || request->body.ptr != NULL)
            add(&list, "Content-Type",
                run->content_type.len > 0 ? run->content_type : json_media_type(settings));
        if (run->content_type.len > 0) /* V2 does so anyhow, but not where it stands before V4 */
            add(&list, "Prefer", GW_STR("odata.continue-on-error"));
        if (request->etag.len > 0)
            add(&list, "If-Match", request->etag);
        if (request->is_write)
            rc = add_effect(run, &list);
        if (rc == 0 && (request->is_write || run->content_type.len > 0))
            rc = add_csrf(run, &list);
    }
    *out_count = list.count;
    return rc;
}
