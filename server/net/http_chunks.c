#include <errno.h>

#include "server/net/http_bytes.h"
#include "server/net/http_parser.h"

#define MAX_DIGITS 16

enum state {
    SIZE,       /* the start of a chunk; the first of them is 0 */
    NAME_START, /* after a semicolon */
    NAME,
    VALUE_START, /* after an equals sign */
    VALUE,
    QUOTED,
    QUOTED_PAIR, /* after a backslash */
    QUOTED_END,
    LINE_LF,
    DATA_CR, /* after the data */
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    BROKEN, /* for good: what is refused once is refused again */
};

void gw_http_chunks_took(struct gw_http_chunks *chunks, uint64_t bytes)
{
    chunks->left -= bytes;
    if (chunks->left == 0)
        chunks->state = DATA_CR;
}

static int digit_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool is_text(char byte)
{
    return gw_http_is_value(gw_str_from(&byte, 1));
}

static bool is_token_byte(char byte)
{
    return gw_http_token_bytes[(uint8_t)byte] != 0;
}

/* A semicolon or the line's end: what may follow a size, an extension's name or its value. */
static int extension_or_end(char byte)
{
    if (byte == ';')
        return NAME_START;
    return byte == '\r' ? LINE_LF : -1;
}

static int take_size(struct gw_http_chunks *chunks, char byte)
{
    int value = digit_value(byte);

    if (value < 0)
        return chunks->digits > 0 ? extension_or_end(byte) : -1;
    if (chunks->digits++ == MAX_DIGITS)
        return -1;
    chunks->size = chunks->size << 4 | (uint64_t)value;
    return SIZE;
}

/* RFC 9112 section 7.1.1, without the white space that only "bad" senders put in. */
static int take_extension(int state, char byte)
{
    switch (state) {
    case NAME_START:
        return is_token_byte(byte) ? NAME : -1;
    case NAME:
        if (byte == '=')
            return VALUE_START;
        return is_token_byte(byte) ? NAME : extension_or_end(byte);
    case VALUE_START:
        if (byte == '"')
            return QUOTED;
        return is_token_byte(byte) ? VALUE : -1;
    case VALUE:
        return is_token_byte(byte) ? VALUE : extension_or_end(byte);
    case QUOTED:
        if (byte == '"')
            return QUOTED_END;
        if (byte == '\\')
            return QUOTED_PAIR;
        return is_text(byte) ? QUOTED : -1;
    case QUOTED_PAIR:
        return is_text(byte) ? QUOTED : -1;
    default: /* QUOTED_END */
        return extension_or_end(byte);
    }
}

static int take_trailer(int state, char byte)
{
    switch (state) {
    case TRAILER_START:
        if (byte == '\r')
            return END_LF;
        return is_token_byte(byte) ? TRAILER_NAME : -1;
    case TRAILER_NAME:
        if (byte == ':')
            return TRAILER_VALUE;
        return is_token_byte(byte) ? TRAILER_NAME : -1;
    case TRAILER_VALUE:
        if (byte == '\r')
            return TRAILER_LF;
        return is_text(byte) ? TRAILER_VALUE : -1;
    default: /* TRAILER_LF */
        return byte == '\n' ? TRAILER_START : -1;
    }
}

static int take_line_end(struct gw_http_chunks *chunks, char byte)
{
    if (byte != '\n')
        return -1;
    chunks->left = chunks->size;
    chunks->size = 0;
    chunks->digits = 0;
    chunks->line_bytes = 0;
    return chunks->left > 0 ? SIZE : TRAILER_START;
}

/* The next state, or -1. */
static int step(struct gw_http_chunks *chunks, char byte)
{
    int state = chunks->state;

    if (state <= LINE_LF && chunks->line_bytes++ == GW_HTTP_MAX_CHUNK_LINE_BYTES)
        return -1;
    if (state >= TRAILER_START && state != BROKEN &&
        chunks->trailer_bytes++ == GW_HTTP_MAX_TRAILER_BYTES)
        return -1;
    switch (state) {
    case SIZE:
        return take_size(chunks, byte);
    case LINE_LF:
        return take_line_end(chunks, byte);
    case DATA_CR:
        return byte == '\r' ? DATA_LF : -1;
    case DATA_LF:
        return byte == '\n' ? SIZE : -1;
    case END_LF:
        chunks->is_done = byte == '\n';
        return byte == '\n' ? END_LF : -1;
    case BROKEN:
        return -1;
    default:
        return state < LINE_LF ? take_extension(state, byte) : take_trailer(state, byte);
    }
}

ssize_t gw_http_chunks_frame(struct gw_http_chunks *chunks, struct gw_str input,
                             const char **out_why)
{
    size_t at = 0;

    while (at < input.len && !chunks->is_done) {
        int next = step(chunks, input.ptr[at]);

        if (next < 0) {
            chunks->state = BROKEN;
            *out_why = "the chunked coding is broken";
            return -EBADMSG;
        }
        chunks->state = (uint8_t)next;
        at++;
        if (chunks->left > 0)
            break;
    }
    return (ssize_t)at;
}
