/* Forwarded or X-Forwarded-For with X-Forwarded-Proto of any bytes, a field a line: what is told is
 * an address, and nothing that stands further left than a client who is no proxy changes it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/client_address.h"
#include "server/net/address.h"
#include "server/net/cidr.h"

#define MAX_FIELDS 4
#define MAX_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct gw_client_told find(enum gw_client_address_field field, struct gw_str first,
                                  struct gw_str rest)
{
    bool is_standard = field == GW_CLIENT_ADDRESS_FORWARDED;
    struct gw_field fields[MAX_FIELDS] = {
        {is_standard ? GW_STR("Forwarded") : GW_STR("X-Forwarded-For"), first}};
    struct gw_request request = {.fields = fields, .field_count = 1};
    struct gw_client_told told;
    struct gw_cidr proxy;
    struct gw_str line;

    while (request.field_count < MAX_FIELDS && gw_str_split(&rest, '\n', &line)) {
        bool is_scheme = !is_standard && request.field_count % 2 == 1;
        fields[request.field_count++] =
            (struct gw_field){is_scheme ? GW_STR("X-Forwarded-Proto") : fields[0].name, line};
    }
    if (gw_cidr_parse(GW_STR("10.0.0.0/8"), &proxy) != 0)
        abort();
    gw_client_address_find(&request, field, &proxy, 1, &told);
    return told;
}

static bool is_proxy(const char *text)
{
    return strncmp(text, "10.", 3) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const prefixes[] = {"for=6.6.6.6;proto=https, ", "\"", "x=\", ", "\\,",
                                           "6.6.6.6,"};
    struct gw_str rest = gw_str_from((const char *)bytes, len);
    enum gw_client_address_field field = GW_CLIENT_ADDRESS_FORWARDED;
    struct gw_address address;
    struct gw_str first = GW_STR("");
    char text[MAX_BYTES + 64];

    if (len == 0 || len > MAX_BYTES)
        return 0;
    if (rest.ptr[0] == 'x')
        field = GW_CLIENT_ADDRESS_X_FORWARDED_FOR;
    rest = gw_str_tail(rest, 1);
    (void)gw_str_split(&rest, '\n', &first);
    const struct gw_client_told told = find(field, first, rest);
    if (told.address[0] == '\0')
        return 0;
    if (gw_address_parse(gw_str_of(told.address), &address) != 0)
        abort();
    /* At the length of a list that is given up, a proxy is the last that is known. */
    for (size_t i = 0; !is_proxy(told.address) && i < GW_COUNT_OF(prefixes); i++) {
        size_t prefix_len = strlen(prefixes[i]);
        memcpy(text, prefixes[i], prefix_len);
        memcpy(text + prefix_len, first.ptr, first.len);
        const struct gw_client_told again =
            find(field, gw_str_from(text, prefix_len + first.len), rest);
        /* A prefix that is no element of its own may lengthen the one that was read. */
        bool is_own = prefixes[i][prefix_len - 1] == ',' || prefixes[i][prefix_len - 1] == ' ';
        if (is_own && (strcmp(again.address, told.address) != 0 || again.scheme != told.scheme))
            abort();
    }
    return 0;
}
