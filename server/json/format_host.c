/* Names of hosts: RFC 1123 (section 2.1) and IDNA2008 (RFC 5890 to 5893). What characters a U-label
 * may have and where is libidn2's knowledge; this is the only file to see it. */
#include <idn2.h>

#include "server/json/format.h"
#include "server/json/format_private.h"

#define MAX_LABEL_BYTES 63
#define MAX_NAME_BYTES 253

/* Letters, digits and inner hyphens. */
static bool is_ldh_label(struct gw_str label)
{
    if (label.len == 0 || label.len > MAX_LABEL_BYTES || label.ptr[0] == '-' ||
        label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!format_is_alnum(label.ptr[i]) && label.ptr[i] != '-')
            return false;
    }
    return true;
}

static bool is_ascii(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

/* "xn--" and Punycode that is the one A-label of a valid U-label. */
static bool is_a_label(struct gw_str label)
{
    char lower[MAX_LABEL_BYTES + 1];
    uint8_t *result = NULL;

    for (size_t i = 0; i < label.len; i++)
        lower[i] = (char)(format_is_letter(label.ptr[i]) ? label.ptr[i] | 0x20 : label.ptr[i]);
    lower[label.len] = '\0';
    int rc = idn2_register_u8(NULL, (const uint8_t *)lower, &result, 0);
    idn2_free(result);
    return rc == IDN2_OK;
}

static bool is_ascii_label(struct gw_str label)
{
    if (!is_ldh_label(label))
        return false;
    return !gw_str_has_prefix_nocase(label, GW_STR("xn--")) || is_a_label(label);
}

/* RFC 5891, section 4.2, with the full rules for CONTEXTJ and CONTEXTO. *out_len is the A-label's.
 */
static bool is_u_label(struct gw_str label, size_t *out_len)
{
    char text[4 * MAX_LABEL_BYTES + 1];
    uint8_t *result = NULL;

    if (label.len >= sizeof(text) || memchr(label.ptr, '\0', label.len) != NULL)
        return false;
    memcpy(text, label.ptr, label.len);
    text[label.len] = '\0';
    int rc = idn2_register_u8((const uint8_t *)text, NULL, &result, 0);
    *out_len = rc == IDN2_OK ? strlen((const char *)result) : 0;
    idn2_free(result);
    return rc == IDN2_OK && *out_len <= MAX_LABEL_BYTES;
}

bool gw_format_is_hostname(struct gw_str text)
{
    struct gw_str label;

    if (text.len == 0 || text.len > MAX_NAME_BYTES)
        return false;
    while (gw_str_split(&text, '.', &label)) {
        if (!is_ascii_label(label))
            return false;
    }
    return true;
}

/* The bytes of a label separator at the start of `text` (RFC 3490, section 3.1: full stops of other
 * scripts), or 0. */
static size_t separator_length(struct gw_str text)
{
    static const char *const separators[] = {".", "\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"};

    for (size_t i = 0; i < GW_COUNT_OF(separators); i++) {
        if (gw_str_has_prefix(text, gw_str_of(separators[i])))
            return strlen(separators[i]);
    }
    return 0;
}

bool gw_format_is_idn_hostname(struct gw_str text)
{
    size_t total = 0;

    for (;;) {
        size_t len = 0;
        while (len < text.len && separator_length(gw_str_tail(text, len)) == 0)
            len++;
        struct gw_str label = gw_str_from(text.ptr, len);
        size_t encoded = len;
        if (len == 0 || !(is_ascii(label) ? is_ascii_label(label) : is_u_label(label, &encoded)))
            return false;
        total += encoded + 1;
        if (total > MAX_NAME_BYTES + 1)
            return false;
        if (len == text.len)
            return true;
        text = gw_str_tail(text, len);
        text = gw_str_tail(text, separator_length(text));
    }
}
