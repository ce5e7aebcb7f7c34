#include <errno.h>
#include <string.h>

#include "server/net/http_client_parts.h"
#include "server/net/stream.h"

#define MAX_INTERIM 32         /* answers before the answer */
#define DIRECT_READ_BYTES 4096 /* from this size on a piece of body is worth a read of its own */

/* --- from the network into the input --- */

/* The number of bytes, 0 at the end, or a negative errno. */
static ssize_t fill(struct gw_http_call *call)
{
    struct http_input *input = call->input;

    if (input->begin == input->end)
        input->begin = input->end = 0;
    size_t room = sizeof(input->bytes) - input->end;
    ssize_t count = gw_stream_read(call->connection->stream, input->bytes + input->end, room);
    if (count > 0)
        input->end += (size_t)count;
    call->may_have_more = count == (ssize_t)room;
    return count;
}

bool http_answer_was_last(struct gw_http_call *call)
{
    char excess;

    if (call->input->begin != call->input->end)
        return false;
    return !call->may_have_more || gw_stream_read(call->connection->stream, &excess, 1) == -EAGAIN;
}

static struct gw_str buffered(const struct gw_http_call *call)
{
    return gw_str_from(call->input->bytes + call->input->begin,
                       call->input->end - call->input->begin);
}

/* --- the head --- */

/* The input moves to the front, so that there is room for a head of full size. */
static void skip_interim(struct gw_http_call *call, size_t head_bytes)
{
    struct http_input *input = call->input;

    input->end -= head_bytes;
    memmove(input->bytes, input->bytes + head_bytes, input->end);
    gw_http_head_parser_init(&input->parser, 0);
    call->interim_count++;
}

/* Looks through what is there of a chunked body, on a copy of the decoder. Returns its length if it
 * is whole, or -1; *out_end is set to where it ends. */
static int64_t whole_chunks(struct gw_http_call *call, size_t *out_end)
{
    struct gw_http_chunks chunks = call->chunks;
    struct gw_str rest = buffered(call);
    int64_t bytes = 0;
    const char *why;

    while (!chunks.is_done && rest.len > 0) {
        size_t skip;

        if (chunks.left == 0) {
            ssize_t framing = gw_http_chunks_frame(&chunks, rest, &why);

            if (framing < 0)
                return -1;
            skip = (size_t)framing;
        } else {
            skip = chunks.left < rest.len ? (size_t)chunks.left : rest.len;
            gw_http_chunks_took(&chunks, skip);
            bytes += (int64_t)skip;
        }
        rest = gw_str_tail(rest, skip);
    }
    *out_end = call->input->end - rest.len;
    return chunks.is_done ? bytes : -1;
}

/* Where the answer ends in the input, and how much body is there until then; false if it goes on.
 */
static bool find_end(struct gw_http_call *call, size_t *out_end, int64_t *out_bytes)
{
    *out_end = call->input->begin;
    *out_bytes = 0;
    if (call->is_over || call->framing == GW_HTTP_NO_BODY)
        return true;
    if (call->framing == GW_HTTP_BY_CLOSE)
        return false;
    if (call->framing == GW_HTTP_BY_LENGTH) {
        *out_end += (size_t)call->left;
        *out_bytes = (int64_t)call->left;
        return call->left <= buffered(call).len;
    }
    *out_bytes = whole_chunks(call, out_end);
    return *out_bytes >= 0;
}

bool http_answer_is_whole(struct gw_http_call *call)
{
    size_t end;
    int64_t bytes;

    return find_end(call, &end, &bytes) && end == call->input->end;
}

static void describe(struct gw_http_call *call, struct gw_http_answer_head *out_head)
{
    const struct gw_http_head *head = &call->input->parser.head;
    size_t end;
    int64_t bytes;

    *out_head = (struct gw_http_answer_head){
        .status = head->status,
        .reason = head->reason,
        .fields = head->fields,
        .field_count = head->field_count,
        .declared_bytes = head->has_length ? (int64_t)head->length : -1,
        .is_complete = find_end(call, &end, &bytes),
    };
    if (out_head->is_complete)
        out_head->body_bytes = bytes;
    else
        out_head->body_bytes =
            call->framing == GW_HTTP_BY_LENGTH ? (int64_t)call->left : GW_HTTP_CHUNKED;
}

/* From now on both sides speak the other protocol. What is in the input already is of it. */
static void switch_protocols(struct gw_http_call *call)
{
    call->is_upgraded = true;
    call->framing = GW_HTTP_BY_CLOSE;
    call->is_persistent = false;
    call->body_left = UINT64_MAX;
    call->is_given = false;
    gw_timer_stop(&call->total_timer);
}

static void take_head(struct gw_http_call *call, size_t head_bytes)
{
    const struct gw_http_head *head = &call->input->parser.head;
    struct gw_http_answer_head answer;

    call->input->begin += head_bytes;
    call->has_head = true;
    call->times.head_ns = gw_loop_now_ns(call->origin->client->loop);
    call->framing = gw_http_head_framing(head, call->is_to_head);
    call->is_persistent = head->is_persistent;
    call->left = call->framing == GW_HTTP_BY_LENGTH ? head->length : 0;
    if (head->status == 101)
        switch_protocols(call);
    /* RFC 9112 section 9.5: an early refusal; RFC 9110 section 10.1.1: no 100 will come. */
    if (!call->is_sent && (head->status >= 300 || call->is_held))
        http_call_drop_body(call);
    describe(call, &answer);
    http_call_watch(call, true);
    call->events.on_head(call->self, &answer);
}

static bool is_switched(const struct gw_http_call *call)
{
    const struct gw_http_head *head = &call->input->parser.head;

    return head->status == 101 && call->asks_websocket && call->is_sent &&
           gw_str_equal_nocase(head->upgrade, GW_STR("websocket"));
}

/* Returns whether the call still waits for its head and may go on with what is buffered. */
static bool take_interim(struct gw_http_call *call, size_t head_bytes)
{
    int status = call->input->parser.head.status;

    if (status == 101 || call->interim_count == MAX_INTERIM) {
        http_call_fail(call, GW_HTTP_MALFORMED,
                       status == 101 ? "the peer switches to a protocol that was not asked for"
                                     : "too many interim answers");
        return false;
    }
    skip_interim(call, head_bytes);
    if (status == 100)
        http_call_release_body(call);
    return call->connection != NULL && call->input->end > 0;
}

static void parse_head(struct gw_http_call *call)
{
    for (;;) {
        const char *why = NULL;
        ssize_t len = gw_http_head_parse(&call->input->parser, buffered(call), &why);

        if (len == -EMSGSIZE) {
            http_call_fail(call, GW_HTTP_HEAD_TOO_LARGE, "the answer's head is too large");
            return;
        }
        if (len < 0) {
            http_call_fail(call, GW_HTTP_MALFORMED, why);
            return;
        }
        if (len == 0)
            return;
        if (call->input->parser.head.status >= 200 || is_switched(call)) {
            take_head(call, (size_t)len);
            return;
        }
        if (!take_interim(call, (size_t)len))
            return;
    }
}

/* A kept connection that the peer closed just when we used it is no failure of the call, if sending
 * the request twice cannot do harm (RFC 9112, section 9.3.1). */
static void on_cut(struct gw_http_call *call, const char *why)
{
    bool is_stale = call->times.is_reused && call->input->end == 0 && call->interim_count == 0;

    if (!is_stale || !call->is_replayable || call->is_retried) {
        http_call_fail(call, GW_HTTP_DISCONNECTED, why);
        return;
    }
    call->is_retried = true;
    call->is_sent = call->is_body_dropped = false;
    call->out_sent = 0;
    http_pool_put(call, false);
    http_pool_get_fresh(call);
}

static void read_head(struct gw_http_call *call)
{
    if (call->input == NULL && (call->input = http_input_take(call->origin->client)) == NULL) {
        http_call_fail(call, GW_HTTP_NO_MEMORY, "no memory for the answer");
        return;
    }
    ssize_t count = fill(call);

    if (count == -EAGAIN)
        return;
    if (count <= 0) {
        on_cut(call, count == 0 ? "the peer closed the connection before it answered"
                                : strerror((int)-count));
        return;
    }
    parse_head(call);
}

void http_answer_on_readable(struct gw_http_call *call)
{
    if (!call->has_head) {
        read_head(call);
        return;
    }
    if (!call->wants_readable) {
        gw_stream_set_reading(call->connection->stream, false); /* until the caller reads again */
        return;
    }
    call->wants_readable = false;
    http_call_watch(call, true);
    if (call->events.on_readable != NULL)
        call->events.on_readable(call->self);
}

/* --- the body --- */

static void took(struct gw_http_call *call, size_t count)
{
    if (call->framing == GW_HTTP_BY_CHUNKS)
        gw_http_chunks_took(&call->chunks, count);
    else if (call->framing == GW_HTTP_BY_LENGTH)
        call->left -= count;
}

static uint64_t expected(const struct gw_http_call *call)
{
    if (call->framing == GW_HTTP_BY_CLOSE)
        return UINT64_MAX;
    return call->framing == GW_HTTP_BY_CHUNKS ? call->chunks.left : call->left;
}

/* Takes chunk framing off the input. Returns 0 once there is data to come or the end is reached,
 * -EAGAIN if the input is used up before that, -EBADMSG. */
static int skip_framing(struct gw_http_call *call)
{
    const char *why;

    if (call->framing != GW_HTTP_BY_CHUNKS)
        return 0;
    while (call->chunks.left == 0 && !call->chunks.is_done) {
        if (call->input->begin == call->input->end)
            return -EAGAIN;
        ssize_t count = gw_http_chunks_frame(&call->chunks, buffered(call), &why);

        if (count < 0)
            return -EBADMSG;
        call->input->begin += (size_t)count;
    }
    return 0;
}

/* Decodes what is in the input. Returns how many bytes, or -EBADMSG. */
static ssize_t decode(struct gw_http_call *call, char *out, size_t capacity)
{
    struct http_input *input = call->input;
    size_t filled = 0;

    for (;;) {
        int status = skip_framing(call);

        if (status == -EBADMSG)
            return filled > 0 ? (ssize_t)filled : status; /* comes again with the next read */
        if (status == 0 && expected(call) == 0)
            call->is_over = true;
        size_t count = input->end - input->begin;
        if (status != 0 || call->is_over || count == 0 || filled == capacity)
            return (ssize_t)filled;
        if (count > expected(call))
            count = (size_t)expected(call);
        if (count > capacity - filled)
            count = capacity - filled;
        memcpy(out + filled, input->bytes + input->begin, count);
        input->begin += count;
        filled += count;
        took(call, count);
    }
}

/* Reads from the network: a long piece straight into `out`, else into the input. Returns the number
 * of bytes in `out`, -EINPROGRESS if they are in the input, 0 at the end, or a negative errno. */
static ssize_t receive(struct gw_http_call *call, char *out, size_t capacity)
{
    uint64_t left = expected(call);

    if (call->framing == GW_HTTP_BY_CHUNKS && left < DIRECT_READ_BYTES) {
        ssize_t count = fill(call);

        return count > 0 ? -EINPROGRESS : count;
    }
    if (capacity > left)
        capacity = (size_t)left;
    ssize_t count = gw_stream_read(call->connection->stream, out, capacity);
    call->may_have_more = count == (ssize_t)capacity;
    if (count > 0)
        took(call, (size_t)count);
    return count;
}

static ssize_t fail_read(struct gw_http_call *call, enum gw_http_failure failure,
                         const char *detail)
{
    http_call_fail_soon(call, failure, detail);
    return -EPIPE;
}

static ssize_t on_receive_end(struct gw_http_call *call, ssize_t status)
{
    if (status == -EAGAIN) {
        call->wants_readable = true;
        gw_stream_set_reading(call->connection->stream, true);
        http_call_watch(call, true);
        return -EAGAIN;
    }
    if (status == 0 && call->framing == GW_HTTP_BY_CLOSE && !call->is_reset) {
        call->is_over = true;
        http_call_finish(call);
        return 0;
    }
    return fail_read(call, GW_HTTP_DISCONNECTED, "the connection ended within the answer's body");
}

ssize_t gw_http_call_read(struct gw_http_call *call, char *out, size_t capacity)
{
    if (call->wait == HTTP_WAIT_REPORT)
        return -EPIPE;
    if (!call->has_head || capacity == 0)
        return -EAGAIN;
    call->wants_readable = false;
    for (;;) {
        ssize_t filled = decode(call, out, capacity);

        if (filled < 0)
            return fail_read(call, GW_HTTP_MALFORMED, "the answer's chunked coding is broken");
        if (filled > 0) {
            http_call_watch(call, false);
            return filled;
        }
        if (call->is_over) {
            http_call_finish(call);
            return 0;
        }
        ssize_t count = receive(call, out, capacity);
        if (count > 0) {
            http_call_watch(call, false);
            return count;
        }
        if (count != -EINPROGRESS)
            return on_receive_end(call, count);
    }
}
