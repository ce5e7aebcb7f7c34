/* Request heads of any bytes, laid out as libmicrohttpd would leave them: what passes must have
 * been strict on the wire. The target and framing checks see the same fields. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/request_head.h"

#define MAX_FIELDS 16
#define SLACK 2 /* what lies behind a head in the library's buffer */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Ends the line at *at as the library does: CR LF and bare LF alike become NULs. */
static char *end_line(char *buffer, size_t len, size_t *at)
{
    char *line = buffer + *at;

    for (size_t i = *at; i < len; i++) {
        if (buffer[i] == '\r' && i + 1 < len && buffer[i + 1] == '\n') {
            buffer[i] = buffer[i + 1] = '\0';
            *at = i + 2;
            return line;
        }
        if (buffer[i] == '\n') {
            buffer[i] = '\0';
            *at = i + 1;
            return line;
        }
    }
    return NULL;
}

static bool split_request_line(char *line, struct gw_raw_head *head)
{
    char *target = strchr(line, ' ');
    char *version = target == NULL ? NULL : strrchr(line, ' ');

    if (target == NULL || version == target)
        return false;
    *target++ = '\0';
    *version++ = '\0';
    while (*target == ' ')
        target++;
    head->method = line;
    head->target = target;
    head->target_len = strlen(target);
    head->version = version;
    return true;
}

static bool split_field(char *line, struct gw_field *field)
{
    char *value = strchr(line, ':');

    if (value == NULL)
        return false;
    *value++ = '\0';
    while (*value == ' ' || *value == '\t')
        value++;
    *field = (struct gw_field){gw_str_of(line), gw_str_of(value)};
    return true;
}

/* The wire, judged on its own: every line ends in CR LF, nothing else does, no fold. Not judged
 * where it has NULs: they can stand for the CRs that are missing. */
static bool is_strict(struct gw_str wire)
{
    bool is_line_start = false;

    if (memchr(wire.ptr, '\0', wire.len) != NULL)
        return true;
    for (size_t i = 0; i < wire.len; i++) {
        char byte = wire.ptr[i];
        if (byte == '\r' && (i + 1 == wire.len || wire.ptr[i + 1] != '\n'))
            return false;
        if (byte == '\n' && (i == 0 || wire.ptr[i - 1] != '\r'))
            return false;
        if (is_line_start && (byte == ' ' || byte == '\t'))
            return false;
        is_line_start = byte == '\n';
    }
    return true;
}

static void judge(struct gw_raw_head *head, struct gw_str wire)
{
    struct gw_field fields[MAX_FIELDS];
    struct gw_request request = {.fields = fields, .field_count = head->field_count};

    bool is_good = gw_request_head_flaw(head) == NULL;
    for (size_t i = 0; i < head->field_count; i++)
        fields[i] = (struct gw_field){head->fields[i].name, gw_str_trim(head->fields[i].value)};
    struct gw_str target = gw_str_from(head->target, head->target_len);
    request.method = gw_method_parse(gw_str_of(head->method));
    if (gw_request_target_flaw(&request, target) != NULL)
        return;
    if (is_good && !is_strict(wire))
        abort();
    if (gw_request_framing_flaw(&request, false) != NULL)
        return;
    if (request.path.len == 0 || request.body_bytes < -1 ||
        gw_str_find(request.host, '"') < request.host.len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *buffer = malloc(len + SLACK);
    struct gw_field fields[MAX_FIELDS];
    struct gw_raw_head head = {.fields = fields};
    size_t at = 0;

    if (buffer == NULL)
        return 0;
    if (len > 0)
        memcpy(buffer, bytes, len);
    memset(buffer + len, len % 2 == 0 ? 0 : 'x', SLACK);
    char *line = end_line(buffer, len, &at);
    bool is_head = line != NULL && split_request_line(line, &head);
    while (is_head && (line = end_line(buffer, len, &at)) != NULL && *line != '\0')
        is_head = head.field_count < MAX_FIELDS && split_field(line, &fields[head.field_count++]);
    head.head_bytes = at;
    if (is_head && line != NULL)
        judge(&head, gw_str_from((const char *)bytes, at));
    free(buffer);
    return 0;
}
