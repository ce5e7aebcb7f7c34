/* Translates and matches a regular expression, and checks the formats. Input: the pattern, a NUL
 * byte, the text. What the translation lets pass PCRE2 must take, but for what it says it cannot
 * (lookbehind of unknown length, sizes). */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/core/arena.h"
#include "server/core/error.h"
#include "server/core/utf8.h"
#include "server/json/format.h"
#include "server/json/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_formats(struct gw_str text)
{
    static const char *const names[] = {"date-time",
                                        "date",
                                        "time",
                                        "duration",
                                        "email",
                                        "idn-email",
                                        "hostname",
                                        "idn-hostname",
                                        "ipv4",
                                        "ipv6",
                                        "uri",
                                        "uri-reference",
                                        "iri",
                                        "iri-reference",
                                        "uri-template",
                                        "uuid",
                                        "json-pointer",
                                        "byte",
                                        "relative-json-pointer"};

    for (size_t i = 0; i < GW_COUNT_OF(names); i++)
        (void)gw_format_find(gw_str_of(names[i]))(text);
    if (gw_format_is_uri(text) && !gw_format_is_iri(text))
        abort();
    if (gw_format_is_uri(text) && !gw_format_is_uri_reference(text))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_str input = gw_str_from((const char *)bytes, len);
    size_t split = gw_str_find(input, '\0');
    struct gw_error error;
    struct gw_arena arena;

    if (!gw_utf8_is_valid(input))
        return 0;
    struct gw_str text = split < len ? gw_str_tail(input, split + 1) : input;
    check_formats(text);
    struct gw_pattern *pattern = gw_pattern_create(gw_str_from(input.ptr, split), &error);
    if (pattern == NULL)
        return 0;
    gw_arena_init(&arena, 4096, 1 << 20);
    struct gw_pattern_scratch scratch = {.arena = &arena};
    int rc = gw_pattern_match(pattern, text, &scratch);
    if (rc != 0 && rc != 1 && rc != -EOVERFLOW)
        abort();
    gw_arena_finish(&arena);
    gw_pattern_destroy(pattern);
    return 0;
}
