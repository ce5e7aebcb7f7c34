/* $batch as multipart/mixed: V2's only way ([MS-ODATA], section 2.2.7.6), and V4's first. */
#include <errno.h>

#include "server/connector/odata/batch.h"
#include "server/core/buf.h"

#define NO_BOUNDARY ((struct gw_str){NULL, 0})
#define MAX_BOUNDARY_BYTES 70 /* RFC 2046, section 5.1.1 */

/* --- requests --------------------------------------------------------------------------------- */

/* Bodies are JSON without line breaks: no boundary can stand in them. */
static void write_http(struct gw_buf *out, const struct odata_member *member)
{
    const struct odata_request *request = &member->request;

    gw_buf_append_text(out, "Content-Type: application/http\r\n"
                            "Content-Transfer-Encoding: binary\r\n");
    gw_buf_printf(out, "Content-ID: %.*s\r\n\r\n", GW_STR_ARG(member->id));
    gw_buf_printf(out, "%s ", request->method);
    gw_buf_append_str(out, gw_str_tail(request->path, 1));
    if (request->query.len > 0)
        gw_buf_append_byte(out, '?');
    gw_buf_append_str(out, request->query);
    gw_buf_append_text(out, " HTTP/1.1\r\nAccept: application/json\r\n");
    if (request->etag.len > 0)
        gw_buf_printf(out, "If-Match: %.*s\r\n", GW_STR_ARG(request->etag));
    if (request->body.ptr != NULL)
        gw_buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                      request->body.len);
    gw_buf_append_text(out, "\r\n");
    gw_buf_append_str(out, request->body);
    gw_buf_append_text(out, "\r\n");
}

/* How many members from `first` on are one part: a group, or one alone. */
static size_t unit_length(const struct odata_batch *batch, size_t first)
{
    size_t end = first + 1;

    while (batch->members[first].group.len > 0 && end < batch->count &&
           gw_str_equal(batch->members[end].group, batch->members[first].group))
        end++;
    return end - first;
}

/* A write alone is a change set of one: V2 takes writes nowhere else. */
static void write_changes(struct gw_buf *out, const struct odata_batch *batch, size_t first,
                          size_t length)
{
    gw_buf_printf(out, "Content-Type: multipart/mixed; boundary=changes_%zu\r\n\r\n", first);
    for (size_t i = first; i < first + length; i++) {
        gw_buf_printf(out, "--changes_%zu\r\n", first);
        write_http(out, &batch->members[i]);
    }
    gw_buf_printf(out, "--changes_%zu--\r\n", first);
}

void odata_batch_write_multipart(struct gw_buf *out, const struct odata_batch *batch)
{
    for (size_t first = 0; first < batch->count;) {
        size_t length = unit_length(batch, first);
        gw_buf_append_text(out, "--" ODATA_BATCH_BOUNDARY "\r\n");
        if (batch->members[first].request.is_write)
            write_changes(out, batch, first, length);
        else
            write_http(out, &batch->members[first]);
        first += length;
    }
    gw_buf_append_text(out, "--" ODATA_BATCH_BOUNDARY "--\r\n");
}

/* --- parts ------------------------------------------------------------------------------------ */

static struct gw_str take_line(struct gw_str *rest)
{
    size_t end = gw_str_find(*rest, '\n');
    struct gw_str line = gw_str_from(rest->ptr, end);

    *rest = gw_str_tail(*rest, end < rest->len ? end + 1 : end);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

enum mark { NOT_A_MARK, BEGINS_PART, ENDS_ALL };

static enum mark mark_of(struct gw_str line, struct gw_str boundary)
{
    if (!gw_str_has_prefix(line, GW_STR("--")) ||
        !gw_str_has_prefix(gw_str_tail(line, 2), boundary))
        return NOT_A_MARK;
    struct gw_str tail = gw_str_trim(gw_str_tail(line, 2 + boundary.len));
    if (tail.len == 0)
        return BEGINS_PART;
    return gw_str_equal(tail, GW_STR("--")) ? ENDS_ALL : NOT_A_MARK;
}

bool odata_multipart_next(struct gw_str *rest, struct gw_str boundary, struct gw_str *out_part)
{
    struct gw_str ahead = *rest;
    enum mark mark = NOT_A_MARK;

    while (ahead.len > 0 && mark == NOT_A_MARK)
        mark = mark_of(take_line(&ahead), boundary);
    if (mark != BEGINS_PART)
        return false;
    const char *begin = ahead.ptr;
    while (ahead.len > 0) {
        const char *end = ahead.ptr;
        struct gw_str here = ahead;
        if (mark_of(take_line(&ahead), boundary) == NOT_A_MARK)
            continue;
        size_t len = (size_t)(end - begin); /* the break before the mark belongs to the mark */
        len -= len > 0 && begin[len - 1] == '\n';
        len -= len > 0 && begin[len - 1] == '\r';
        *out_part = gw_str_from(begin, len);
        *rest = here; /* the mark ends this part and begins the next */
        return true;
    }
    return false;
}

/* Takes the fields off the front of a part and gives the value of one; NULL: it is not there. */
static struct gw_str take_fields(struct gw_str *rest, struct gw_str wanted, struct gw_str *out_id)
{
    struct gw_str found = {NULL, 0};

    *out_id = found;
    while (rest->len > 0) {
        struct gw_str line = take_line(rest);
        size_t colon = gw_str_find(line, ':');
        struct gw_str name = gw_str_from(line.ptr, colon);
        if (line.len == 0)
            break;
        if (colon == line.len)
            continue;
        struct gw_str value = gw_str_trim(gw_str_tail(line, colon + 1));
        if (gw_str_equal_nocase(name, wanted))
            found = value;
        if (gw_str_equal_nocase(name, GW_STR("content-id")))
            *out_id = value;
    }
    return found;
}

/* The parameter of "multipart/mixed; boundary=..."; empty: it is no such type. */
static struct gw_str boundary_of(struct gw_str content_type)
{
    struct gw_str rest = content_type;
    struct gw_str part;

    if (!gw_str_has_prefix_nocase(content_type, GW_STR("multipart/mixed")))
        return NO_BOUNDARY;
    while (gw_str_split(&rest, ';', &part)) {
        part = gw_str_trim(part);
        if (!gw_str_has_prefix_nocase(part, GW_STR("boundary=")))
            continue;
        part = gw_str_tail(part, sizeof("boundary=") - 1);
        if (part.len >= 2 && part.ptr[0] == '"' && part.ptr[part.len - 1] == '"')
            part = gw_str_from(part.ptr + 1, part.len - 2);
        return part.len <= MAX_BOUNDARY_BYTES ? part : NO_BOUNDARY;
    }
    return NO_BOUNDARY;
}

/* --- answers ---------------------------------------------------------------------------------- */

static int take_status(struct gw_str line, int *out_status)
{
    uint64_t status;

    if (!gw_str_has_prefix(line, GW_STR("HTTP/1.")) || line.len < 12 || line.ptr[8] != ' ' ||
        gw_str_to_u64(gw_str_from(line.ptr + 9, 3), &status) != 0 || status < 100 || status > 599)
        return -EBADMSG;
    *out_status = (int)status;
    return 0;
}

/* "HTTP/1.1 201 Created", fields, an empty line, the body. */
static int take_http(struct gw_str text, struct odata_member *member, struct gw_error *error)
{
    struct gw_str rest = text;
    struct gw_str unused;

    if (take_status(take_line(&rest), &member->status) != 0)
        return gw_error_set(error, -EBADMSG, "an answer in the batch is not HTTP");
    member->etag = take_fields(&rest, GW_STR("etag"), &unused);
    member->text = rest;
    while (member->text.len > 0 && (member->text.ptr[member->text.len - 1] == '\n' ||
                                    member->text.ptr[member->text.len - 1] == '\r'))
        member->text.len--;
    return 0;
}

/* Answers of a change set come in order; an id says it better. */
static struct odata_member *member_of(struct odata_batch *batch, size_t first, size_t length,
                                      struct gw_str id)
{
    for (size_t i = first; i < first + length; i++)
        if (batch->members[i].status == 0 && gw_str_equal(batch->members[i].id, id))
            return &batch->members[i];
    for (size_t i = first; i < first + length; i++)
        if (batch->members[i].status == 0)
            return &batch->members[i];
    return NULL;
}

static int take_changes(struct gw_str text, struct gw_str boundary, struct odata_batch *batch,
                        size_t first, struct gw_error *error)
{
    size_t length = unit_length(batch, first);
    struct gw_str rest = text;
    struct gw_str part, id;
    int rc = 0;

    while (rc == 0 && odata_multipart_next(&rest, boundary, &part)) {
        take_fields(&part, GW_STR("content-type"), &id);
        struct odata_member *member = member_of(batch, first, length, id);
        if (member == NULL)
            return gw_error_set(error, -EBADMSG, "the batch's answer has more parts than requests");
        rc = take_http(part, member, error);
    }
    return rc;
}

int odata_batch_take_multipart(struct gw_str content_type, struct gw_str text,
                               struct odata_batch *batch, struct gw_error *error)
{
    struct gw_str boundary = boundary_of(content_type);
    struct gw_str rest = text;
    struct gw_str part, id;
    size_t first = 0;
    int rc = 0;

    if (boundary.len == 0)
        return gw_error_set(error, -EBADMSG, "the batch's answer is not multipart/mixed");
    for (; rc == 0 && odata_multipart_next(&rest, boundary, &part);
         first += unit_length(batch, first)) {
        if (first >= batch->count)
            return gw_error_set(error, -EBADMSG, "the batch's answer has more parts than requests");
        struct gw_str type = take_fields(&part, GW_STR("content-type"), &id);
        struct gw_str inner = boundary_of(type);
        if (inner.len > 0)
            rc = take_changes(part, inner, batch, first, error);
        else /* one answer for a change set: it has failed as a whole */
            rc = take_http(part, &batch->members[first], error);
    }
    if (rc == 0 && first == 0)
        return gw_error_set(error, -EBADMSG, "the batch's answer has no parts");
    return rc;
}
