#include "server/json/tape_write.h"

#include "server/core/buf.h"

static void write_string(struct gw_buf *buf, struct gw_str text)
{
    gw_buf_append_byte(buf, '"');
    gw_buf_append_json(buf, text);
    gw_buf_append_byte(buf, '"');
}

static void write_scalar(struct gw_buf *buf, const struct gw_json_tape *tape, uint32_t at)
{
    static const char *const words[] = {"null", "false", "true"};

    if (gw_json_type(tape, at) == GW_JSON_STRING)
        write_string(buf, gw_json_string(tape, at));
    else if (gw_json_type(tape, at) == GW_JSON_NUMBER)
        gw_buf_append_str(buf, gw_json_number(tape, at));
    else
        gw_buf_append_text(buf, words[gw_json_type(tape, at)]);
}

/* Recursion: no deeper than the reader's limit. */
void gw_json_write(struct gw_buf *buf, const struct gw_json_tape *tape, uint32_t at)
{
    bool is_object = gw_json_type(tape, at) == GW_JSON_OBJECT;
    bool is_first = true;

    if (!is_object && gw_json_type(tape, at) != GW_JSON_ARRAY) {
        write_scalar(buf, tape, at);
        return;
    }
    gw_buf_append_byte(buf, is_object ? '{' : '[');
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    for (; gw_json_step(tape, &cursor); is_first = false) {
        if (!is_first)
            gw_buf_append_byte(buf, ',');
        if (is_object) {
            write_string(buf, gw_json_string(tape, cursor.name));
            gw_buf_append_byte(buf, ':');
        }
        gw_json_write(buf, tape, cursor.value);
    }
    gw_buf_append_byte(buf, is_object ? '}' : ']');
}
