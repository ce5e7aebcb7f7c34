/* What the helper does: keep programs, run them. Whatever goes wrong beyond an expression's own
 * error ends it; the worker starts another. */
#include <errno.h>
#include <jq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/core/buf.h"
#include "server/flow/expression_process.h"

#define MAX_FRAME_BYTES (512u << 20) /* the memory allowed is less */
#define MAX_MESSAGES_BYTES (64u << 10)
#define MAX_MESSAGE_BYTES 400

struct server {
    jq_state *slots[GW_JQ_SLOTS];
    struct gw_buf in, out, messages;
};

/* --- frames ----------------------------------------------------------------------------------- */

/* No answer is of use to nobody: at the end of the socket the helper ends. */
static void read_exactly(char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = read(GW_JQ_HELPER_FD, bytes, len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            _exit(0);
        bytes += got;
        len -= (size_t)got;
    }
}

static void write_exactly(const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t put = write(GW_JQ_HELPER_FD, at, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            _exit(0);
        at += put;
        len -= (size_t)put;
    }
}

static void answer(enum gw_jq_frame_kind kind, struct gw_str body)
{
    struct gw_jq_frame frame = {.kind = kind, .len = (uint32_t)body.len};

    write_exactly(&frame, sizeof(frame));
    write_exactly(body.ptr, body.len);
}

/* libjq calls this where it would abort, and not with what it was given for it. */
static void end_without_memory(void *unused)
{
    (void)unused;
    answer(GW_JQ_OUT_OF_MEMORY, gw_str_from(NULL, 0));
    _exit(0);
}

static void answer_error(struct server *server, uint32_t place, struct gw_str text)
{
    gw_buf_clear(&server->out);
    gw_buf_append(&server->out, &place, sizeof(place));
    gw_buf_append(&server->out, text.ptr,
                  text.len < MAX_MESSAGE_BYTES ? text.len : MAX_MESSAGE_BYTES);
    if (server->out.has_failed)
        end_without_memory(NULL);
    answer(GW_JQ_ERROR, gw_buf_str(&server->out));
}

/* --- programs --------------------------------------------------------------------------------- */

/* The first line says what and where; the second shows all of a source line. */
static void take_message(void *self, jv message)
{
    struct gw_buf *messages = self;

    if (jv_get_kind(message) == JV_KIND_STRING) {
        struct gw_str text = gw_str_of(jv_string_value(message));
        text.len = gw_str_find(text, '\n');
        gw_buf_append(messages, text.ptr,
                      text.len < MAX_MESSAGE_BYTES ? text.len : MAX_MESSAGE_BYTES);
        gw_buf_append_byte(messages, '\n');
    }
    jv_free(message);
}

static void load(struct server *server)
{
    struct gw_jq_load order;

    memcpy(&order, server->in.ptr, sizeof(order));
    if (order.slot >= GW_JQ_SLOTS)
        _exit(1);
    if (server->slots[order.slot] != NULL)
        jq_teardown(&server->slots[order.slot]);
    jq_state *program = jq_init();
    if (program == NULL)
        end_without_memory(NULL);
    gw_buf_clear(&server->messages);
    jq_set_nomem_handler(program, end_without_memory, NULL);
    jq_set_error_cb(program, take_message, &server->messages);
    gw_buf_append_byte(&server->in, '\0');
    if (server->in.has_failed)
        end_without_memory(NULL);
    bool is_right = jq_compile(program, server->in.ptr + sizeof(order)) != 0;
    if (is_right)
        server->slots[order.slot] = program;
    else
        jq_teardown(&program);
    if (!is_right && server->messages.len == 0)
        gw_buf_append_text(&server->messages, "libjq does not compile it\n");
    answer(GW_JQ_LOADED, is_right ? GW_STR("") : gw_buf_str(&server->messages));
}

/* --- runs ------------------------------------------------------------------------------------- */

/* All that the expression yields, as an array; invalid with its message when it ends in an error.
 */
static jv collect(jq_state *program, jv call)
{
    jv all = jv_array(), value;

    jq_start(program, call, 0);
    while (jv_is_valid(value = jq_next(program)))
        all = jv_array_append(all, value);
    if (!jv_invalid_has_msg(jv_copy(value))) {
        jv_free(value);
        return all;
    }
    jv_free(all);
    return value;
}

static void answer_failure(struct server *server, uint32_t place, jv failure)
{
    jv message = jv_invalid_get_msg(failure);

    if (jv_get_kind(message) != JV_KIND_STRING)
        message = jv_dump_string(message, 0);
    answer_error(server, place, gw_str_of(jv_string_value(message)));
    jv_free(message);
}

/* One value as it is, none as null, several as an array. */
static void append_results(struct gw_buf *out, jv all)
{
    int count = jv_array_length(jv_copy(all));
    jv one = count == 0 ? jv_null() : count == 1 ? jv_array_get(jv_copy(all), 0) : jv_copy(all);

    jv_free(all);
    jv text = jv_dump_string(one, 0);
    if (out->len > 1)
        gw_buf_append_byte(out, ',');
    gw_buf_append(out, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
    jv_free(text);
}

/* 0, or -1: the answer is given already. */
static int run_one(struct server *server, const struct gw_jq_run_order *order, jv arguments,
                   uint32_t place)
{
    uint32_t index;

    memcpy(&index, server->in.ptr + sizeof(*order) + place * sizeof(index), sizeof(index));
    jv all =
        collect(server->slots[order->slot], jv_array_append(jv_copy(arguments), jv_number(index)));
    if (!jv_is_valid(all)) {
        answer_failure(server, place, all);
        return -1;
    }
    append_results(&server->out, all);
    if (!server->out.has_failed && server->out.len < order->max_output_bytes)
        return 0;
    answer_error(server, place, GW_STR("its results are larger than what is allowed"));
    return -1;
}

static void run(struct server *server)
{
    struct gw_jq_run_order order;

    memcpy(&order, server->in.ptr, sizeof(order));
    size_t head = sizeof(order) + order.count * sizeof(uint32_t);
    if (order.slot >= GW_JQ_SLOTS || server->slots[order.slot] == NULL || head > server->in.len)
        _exit(1);
    gw_buf_finish(&server->out);
    gw_buf_init(&server->out, order.max_output_bytes + MAX_MESSAGE_BYTES);
    jv arguments = jv_parse_sized(server->in.ptr + head, (int)(server->in.len - head));
    if (!jv_is_valid(arguments)) {
        answer_failure(server, 0, arguments);
        return;
    }
    gw_buf_append_byte(&server->out, '[');
    int rc = 0;
    for (uint32_t i = 0; i < order.count && rc == 0; i++)
        rc = run_one(server, &order, arguments, i);
    jv_free(arguments);
    gw_buf_append_byte(&server->out, ']');
    if (rc == 0)
        answer(GW_JQ_RESULTS, gw_buf_str(&server->out));
}

/* --- life ------------------------------------------------------------------------------------- */

/* What this process has now, of addresses. */
static size_t address_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    unsigned long long pages = 0;

    if (file != NULL && fgets(line, sizeof(line), file) != NULL)
        pages = strtoull(line, NULL, 10);
    if (file != NULL)
        fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Nothing more is opened, nothing is dumped, and memory has an end. */
static void limit(size_t max_memory_bytes)
{
    size_t bytes = address_bytes() + max_memory_bytes;
    const struct rlimit memory = {bytes, bytes}, none = {0, 0};

    if (setrlimit(RLIMIT_AS, &memory) != 0 || setrlimit(RLIMIT_CORE, &none) != 0 ||
        setrlimit(RLIMIT_NOFILE, &none) != 0)
        _exit(1);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "millgate-jq");
    (void)gw_jq_confine();
}

void gw_jq_serve(size_t max_memory_bytes)
{
    struct server server = {0};
    struct gw_jq_frame frame;

    limit(max_memory_bytes);
    gw_buf_init(&server.in, MAX_FRAME_BYTES);
    gw_buf_init(&server.out, MAX_MESSAGES_BYTES);
    gw_buf_init(&server.messages, MAX_MESSAGES_BYTES);
    for (;;) {
        read_exactly((char *)&frame, sizeof(frame));
        gw_buf_clear(&server.in);
        char *body = gw_buf_reserve(&server.in, frame.len);
        if (body == NULL)
            end_without_memory(NULL);
        read_exactly(body, frame.len);
        server.in.len += frame.len;
        if (frame.kind == GW_JQ_LOAD && frame.len >= sizeof(struct gw_jq_load))
            load(&server);
        else if (frame.kind == GW_JQ_RUN && frame.len >= sizeof(struct gw_jq_run_order))
            run(&server);
        else
            _exit(1);
    }
}
