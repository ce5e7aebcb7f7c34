#include "server/connector/odata/adopt.h"

#include <errno.h>

#include "server/connector/odata/literal.h"
#include "server/core/arena.h"
#include "server/crypto/digest.h"
#include "server/json/number.h"

#define DEFAULT_LENGTH 20
#define MAX_LENGTH 50
#define MAX_PREFIX_BYTES 16

/* --- the key ---------------------------------------------------------------------------------- */

static bool is_plain(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_right = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!is_right)
            return false;
    }
    return true;
}

/* Digits of five bits: of letters one case only, for many an ERP folds them. */
static int derive(struct gw_arena *arena, struct gw_str prefix, size_t length,
                  struct gw_str effect_key, struct gw_value *out_value)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t digest[GW_SHA256_BYTES];
    char *text = gw_arena_alloc(arena, length + 1);

    if (text == NULL)
        return -ENOMEM;
    gw_digest_compute(GW_SHA256, effect_key, digest);
    memcpy(text, prefix.len > 0 ? prefix.ptr : "", prefix.len);
    for (size_t i = prefix.len, bit = 0; i < length; i++, bit += 5) {
        unsigned pair = (unsigned)digest[bit / 8] << 8;
        if (bit / 8 + 1 < sizeof(digest))
            pair |= digest[bit / 8 + 1];
        text[i] = digits[pair >> (11 - bit % 8) & 31];
    }
    text[length] = '\0';
    *out_value = gw_value_string(gw_str_from(text, length));
    return 0;
}

static int derive_by(const struct odata_builder *builder, const struct gw_value *adopt,
                     struct gw_str effect_key, struct gw_value *out_value)
{
    const struct odata_builder inner = {.arguments = adopt, .error = builder->error};
    struct gw_str prefix;
    int64_t length;
    int rc = odata_argument_text(&inner, "prefix", &prefix);

    if (rc == 0)
        rc = odata_argument_count(&inner, "length", &length);
    if (rc != 0)
        return rc;
    if (length < 0)
        length = DEFAULT_LENGTH;
    if (prefix.len > MAX_PREFIX_BYTES || !is_plain(prefix))
        return gw_error_set(builder->error, -EINVAL,
                            "adopt.prefix has at most %d letters, digits, '-' and '_'",
                            MAX_PREFIX_BYTES);
    if (length > MAX_LENGTH || length < (int64_t)prefix.len + ODATA_MIN_KEY_DIGITS)
        return gw_error_set(builder->error, -EINVAL,
                            "adopt.length is at most %d and leaves %d digits beside the prefix",
                            MAX_LENGTH, ODATA_MIN_KEY_DIGITS);
    if (effect_key.len == 0)
        return gw_error_set(builder->error, -EINVAL, "there is no effect key to be adopted by");
    return derive(builder->arena, prefix, (size_t)length, effect_key, out_value);
}

int odata_adoption_read(const struct odata_builder *builder, struct gw_str effect_key,
                        struct odata_adoption *out_adoption)
{
    const struct gw_value *adopt = gw_value_member(builder->arguments, GW_STR("adopt"));
    struct odata_adoption adoption = {0};

    if (adopt == NULL) {
        *out_adoption = adoption;
        return 0;
    }
    adoption.field = gw_value_member_text(adopt, GW_STR("field"));
    if (!odata_is_name(adoption.field))
        return gw_error_set(builder->error, -EINVAL, "adopt.field must name a property");
    const struct gw_value *own = gw_value_member(odata_argument(builder, "body"), adoption.field);
    adoption.is_derived = own == NULL || own->type == GW_JSON_NULL;
    int rc = 0;
    if (adoption.is_derived)
        rc = derive_by(builder, adopt, effect_key, &adoption.value);
    else
        adoption.value = *own;
    if (rc == 0)
        *out_adoption = adoption;
    return rc;
}

static int with_member(struct gw_arena *arena, const struct gw_value *object, struct gw_str name,
                       struct gw_value value, struct gw_value *out_object)
{
    struct gw_value_builder builder = {.arena = arena};
    int rc = 0;

    for (uint32_t i = 0; i < object->count && rc == 0; i++)
        rc = gw_value_add_member(&builder, object->members[i].name, object->members[i].value);
    if (rc == 0)
        rc = gw_value_add_member(&builder, name, value);
    if (rc == 0)
        *out_object = gw_value_built_object(&builder);
    return rc;
}

int odata_adoption_arguments(const struct odata_builder *builder,
                             const struct odata_adoption *adoption, struct gw_value *out_arguments)
{
    const struct gw_value *body = odata_argument(builder, "body");
    struct gw_value whole;

    if (!adoption->is_derived || body == NULL || body->type != GW_JSON_OBJECT) {
        *out_arguments = *builder->arguments;
        return 0;
    }
    int rc = with_member(builder->arena, body, adoption->field, adoption->value, &whole);
    return rc == 0 ? with_member(builder->arena, builder->arguments, GW_STR("body"), whole,
                                 out_arguments)
                   : rc;
}

/* --- what was found --------------------------------------------------------------------------- */

static bool is_scalar(const struct gw_value *value)
{
    return value->type != GW_JSON_ARRAY && value->type != GW_JSON_OBJECT;
}

/* "10.50" and 10.5; "PC" and "PC". */
static bool is_alike(const struct gw_value *sent, const struct gw_value *found)
{
    struct gw_decimal a, b;
    bool are_texts = (sent->type == GW_JSON_STRING || sent->type == GW_JSON_NUMBER) &&
                     (found->type == GW_JSON_STRING || found->type == GW_JSON_NUMBER);

    if (!are_texts)
        return sent->type == found->type;
    if (gw_str_equal(sent->text, found->text))
        return true;
    return gw_decimal_parse(sent->text, &a) == 0 && gw_decimal_parse(found->text, &b) == 0 &&
           gw_decimal_compare(&a, &b) == 0;
}

bool odata_adoption_fits(const struct gw_value *body, const struct gw_value *found)
{
    for (uint32_t i = 0; body != NULL && i < body->count; i++) {
        const struct gw_value *sent = &body->members[i].value;
        const struct gw_value *there = gw_value_member(found, body->members[i].name);
        if (is_scalar(sent) && there != NULL && is_scalar(there) && !is_alike(sent, there))
            return false;
    }
    return true;
}
