#include "server/gateway/edge_allow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/instant.h"
#include "server/crypto/base64url.h"
#include "server/crypto/public_key.h"
#include "server/crypto/signature.h"
#include "server/iot/signal.h"
#include "server/json/option.h"

#define SIGNATURE_BYTES 64 /* Ed25519 */
#define MAX_RULES 1000

static const struct gw_option command_options[] = {
    {.name = "device",
     .type = GW_STRING,
     .min = 1,
     .max = 128,
     .flags = GW_OPTION_REQUIRED,
     .help = "The device's name; no pattern."},
    {.name = "metric",
     .type = GW_STRING,
     .min = 1,
     .max = 256,
     .flags = GW_OPTION_REQUIRED,
     .help = "As the device calls it."},
    {.name = "min", .type = GW_ANY, .help = "Of a number."},
    {.name = "max", .type = GW_ANY, .help = "Of a number."},
    {.name = "values", .type = GW_ANY, .help = "Of booleans and texts (numbers, too): a list."},
    {0},
};

static const struct gw_option call_options[] = {
    {.name = "backend",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .flags = GW_OPTION_REQUIRED,
     .help = "Its name."},
    {.name = "path",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .flags = GW_OPTION_REQUIRED,
     .help = "Exactly this."},
    {0},
};

static const struct gw_option allow_options[] = {
    {.name = "edge",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .flags = GW_OPTION_REQUIRED,
     .help = "Whose list it is."},
    {.name = "expires",
     .type = GW_STRING,
     .min = 20,
     .max = 40,
     .flags = GW_OPTION_REQUIRED,
     .help = "RFC 3339."},
    {.name = "per_minute",
     .type = GW_INT,
     .min = 1,
     .max = 10000,
     .value = "10",
     .help = "Decisions of all kinds."},
    {.name = "commands",
     .type = GW_LIST,
     .max = MAX_RULES,
     .fields = command_options,
     .value = "[]",
     .help = "What may be written."},
    {.name = "calls",
     .type = GW_LIST,
     .max = MAX_RULES,
     .fields = call_options,
     .value = "[]",
     .help = "What may be called."},
    {0},
};

struct gw_edge_allow {
    json_t *checked;
    int64_t expires_ms;
};

/* --- the signature --- */

/* base64 as openssl writes it: lines, padding, its own two signs. */
static int decode(struct gw_str text, uint8_t out[SIGNATURE_BYTES])
{
    char plain[SIGNATURE_BYTES * 2];
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '\n' || byte == '\r' || byte == ' ' || byte == '=')
            continue;
        if (len == sizeof(plain))
            return -EINVAL;
        plain[len++] = byte == '+' ? '-' : byte == '/' ? '_' : byte;
    }
    if (gw_base64url_decoded_bytes(len) != SIGNATURE_BYTES)
        return -EINVAL;
    return gw_base64url_decode(gw_str_from(plain, len), out);
}

static int verify(const struct gw_edge_allow_source *source, struct gw_error *error)
{
    struct gw_verify_key *key = NULL;
    uint8_t signature[SIGNATURE_BYTES];

    if (decode(source->signature, signature) != 0)
        return gw_error_set(error, -EBADMSG, "the allow-list's signature is no base64 of 64 bytes");
    int rc = gw_public_key_from_pem(source->public_key, &key);
    if (rc != 0)
        return gw_error_set(error, rc, "the key of the allow-list is no public Ed25519 key in PEM");
    rc = gw_signature_verify(key, GW_EDDSA, source->text,
                             gw_str_from((const char *)signature, sizeof(signature)));
    gw_verify_key_destroy(key);
    return rc == 0 ? 0 : gw_error_set(error, -EBADMSG, "the allow-list is not signed by its key");
}

/* --- loading --- */

static int check(const struct gw_edge_allow_source *source, struct gw_edge_allow *allow,
                 struct gw_error *error)
{
    const char *edge = json_string_value(json_object_get(allow->checked, "edge"));
    const char *expires = json_string_value(json_object_get(allow->checked, "expires"));

    if (!gw_str_equal(gw_str_of(edge), source->edge))
        return gw_error_set(error, -EINVAL, "the allow-list is for the edge \"%s\"", edge);
    if (gw_instant_read(gw_str_of(expires), &allow->expires_ms) != 0)
        return gw_error_set(error, -EINVAL, "the allow-list: `expires` is no time of RFC 3339");
    return 0;
}

int gw_edge_allow_load(const struct gw_edge_allow_source *source, struct gw_edge_allow **out_allow,
                       struct gw_error *error)
{
    struct gw_edge_allow *allow;
    char *text;
    int rc = verify(source, error);

    if (rc != 0)
        return rc;
    allow = calloc(1, sizeof(*allow));
    text = gw_str_duplicate(source->text);
    rc = allow == NULL || text == NULL
             ? gw_error_set(error, -ENOMEM, "out of memory")
             : gw_option_parse(text, allow_options, &allow->checked, error);
    free(text);
    if (rc == 0)
        rc = check(source, allow, error);
    if (rc != 0) {
        gw_edge_allow_destroy(allow);
        return rc;
    }
    *out_allow = allow;
    return 0;
}

void gw_edge_allow_destroy(struct gw_edge_allow *allow)
{
    if (allow == NULL)
        return;
    json_decref(allow->checked);
    free(allow);
}

unsigned gw_edge_allow_per_minute(const struct gw_edge_allow *allow)
{
    return (unsigned)json_integer_value(json_object_get(allow->checked, "per_minute"));
}

/* --- judging --- */

static bool is_text(const json_t *object, const char *name, struct gw_str text)
{
    return gw_str_equal(gw_str_of(json_string_value(json_object_get(object, name))), text);
}

static bool equals(const json_t *listed, const struct gw_value *value)
{
    if (value->type == GW_JSON_STRING)
        return json_is_string(listed) &&
               gw_str_equal(gw_str_of(json_string_value(listed)), value->text);
    if (value->type == GW_JSON_NUMBER)
        return json_is_number(listed) && json_number_value(listed) == strtod(value->text.ptr, NULL);
    return json_is_boolean(listed) && json_is_true(listed) == (value->type == GW_JSON_TRUE);
}

static bool is_listed(const json_t *values, const struct gw_value *value)
{
    const json_t *listed;
    size_t index;

    json_array_foreach(values, index, listed)
    {
        if (equals(listed, value))
            return true;
    }
    return false;
}

/* A list, a range of numbers with both ends, or both: then either will do. */
static bool permits_value(const json_t *rule, const struct gw_value *value)
{
    const json_t *min = json_object_get(rule, "min"), *max = json_object_get(rule, "max");

    if (is_listed(json_object_get(rule, "values"), value))
        return true;
    if (value->type != GW_JSON_NUMBER || !json_is_number(min) || !json_is_number(max))
        return false;
    double number = strtod(value->text.ptr, NULL); /* a NUL stands behind it: see signal_local.c */
    return number >= json_number_value(min) && number <= json_number_value(max);
}

static const char *refuse_command(const json_t *rules, const struct gw_signal_local *local,
                                  struct gw_str device)
{
    const char *why = "the allow-list does not have the device's metric";
    const json_t *rule;
    size_t index;

    json_array_foreach(rules, index, rule)
    {
        if (!is_text(rule, "device", device) || !is_text(rule, "metric", local->metric))
            continue;
        if (permits_value(rule, &local->value))
            return NULL;
        why = "the allow-list does not permit the value";
    }
    return why;
}

static const char *refuse_call(const json_t *rules, const struct gw_signal_local *local)
{
    const json_t *rule;
    size_t index;

    json_array_foreach(rules, index, rule)
    {
        if (is_text(rule, "backend", local->backend) && is_text(rule, "path", local->path))
            return NULL;
    }
    return "the allow-list does not have the backend's path";
}

const char *gw_edge_allow_refusal(const struct gw_edge_allow *allow,
                                  const struct gw_signal_local *local, struct gw_str device,
                                  int64_t now_ms)
{
    if (now_ms >= allow->expires_ms)
        return "the allow-list has expired";
    if (local->is_command)
        return refuse_command(json_object_get(allow->checked, "commands"), local, device);
    return refuse_call(json_object_get(allow->checked, "calls"), local);
}
