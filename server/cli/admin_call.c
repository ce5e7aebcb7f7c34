#include "server/cli/admin_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/core/scope.h"
#include "server/gateway/config.h"
#include "server/net/http_client.h"

#define MAX_ANSWER_BYTES ((size_t)64 * 1024 * 1024)
#define MAX_FILE_BYTES ((size_t)1024 * 1024)
#define DEADLINE_NS (30 * GW_NS_PER_SECOND)

/* One call, and what it needs. */
struct asking {
    const struct gw_cli *cli;
    struct gw_arena arena; /* of the strings below */
    struct gw_http_origin_config origin;
    struct gw_str token;
    struct gw_loop *loop;
    struct gw_http_client *client;
    struct gw_http_call *call;
    struct gw_buf answer;
    int status;
    bool is_over;
    char failure[256];
};

static int fail(const struct asking *asking, const char *what, const char *why)
{
    fprintf(asking->cli->err, "millgate: %s: %s\n", what, why);
    return GW_EXIT_PROBLEM;
}

/* --- where to, and as whom --- */

/* A whole file, without white space at its end. ptr NULL: it cannot be read. */
static struct gw_str read_text(struct asking *asking, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    GW_SCOPED(gw_scope_fclose) FILE *file = is_stdin ? NULL : fopen(path, "r");
    FILE *from = is_stdin ? stdin : file;
    char *text = from == NULL ? NULL : gw_arena_alloc(&asking->arena, MAX_FILE_BYTES);
    size_t len = text == NULL ? 0 : fread(text, 1, MAX_FILE_BYTES, from);

    if (text == NULL || ferror(from) || !feof(from))
        return (struct gw_str){NULL, 0};
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
        len--;
    return gw_str_from(text, len);
}

static bool take_url(struct asking *asking, struct gw_str url)
{
    bool is_tls = gw_str_has_prefix(url, GW_STR("https://"));
    struct gw_str rest = gw_str_tail(url, is_tls ? 8 : 7);
    struct gw_str authority = rest;
    uint64_t port = is_tls ? 443 : 80;

    (void)gw_str_split(&rest, '/', &authority);
    struct gw_str host = authority;
    for (size_t i = authority.len; i > 0; i--) {
        if (authority.ptr[i - 1] == ']')
            break;
        if (authority.ptr[i - 1] != ':')
            continue;
        host.len = i - 1;
        if (gw_str_to_u64(gw_str_tail(authority, i), &port) != 0 || port == 0 || port > 65535)
            return false;
        break;
    }
    if (host.len > 2 && host.ptr[0] == '[')
        host = gw_str_from(host.ptr + 1, host.len - 2);
    asking->origin.host = gw_arena_copy(&asking->arena, host);
    asking->origin.port = (uint16_t)port;
    asking->origin.is_tls = is_tls;
    return host.len > 0;
}

static bool take_address(struct asking *asking, struct gw_str address)
{
    if (gw_str_has_prefix(address, GW_STR("http://")) ||
        gw_str_has_prefix(address, GW_STR("https://")))
        return take_url(asking, address);
    if (gw_str_has_prefix(address, GW_STR("unix:")))
        address = gw_str_tail(address, 5);
    asking->origin.unix_path = gw_arena_copy(&asking->arena, address);
    asking->origin.host = GW_STR("localhost");
    asking->origin.port = 80;
    return address.len > 0;
}

/* The socket if there is one: it needs no token. */
static int take_configuration(struct asking *asking, const char *path)
{
    struct gw_diagnostics diagnostics;
    struct gw_config *config = NULL;
    struct gw_str address = {NULL, 0};

    gw_diagnostics_init(&diagnostics);
    int rc = gw_config_load(path, asking->cli->filters, &diagnostics, &config);
    gw_diagnostics_print(&diagnostics, asking->cli->err);
    gw_diagnostics_finish(&diagnostics);
    if (rc != 0)
        return GW_EXIT_PROBLEM;
    const struct gw_config_admin *admin = &config->admin;
    if (admin->socket.ptr != NULL)
        address = gw_arena_copy(&asking->arena, admin->socket);
    else if (admin->is_on)
        address = gw_arena_printf(&asking->arena, "http%s://%.*s", admin->tls.is_on ? "s" : "",
                                  GW_STR_ARG(admin->at.text));
    gw_config_destroy(config);
    if (address.ptr == NULL)
        return fail(asking, path, "it names no admin listener");
    return take_address(asking, address) ? GW_EXIT_OK : fail(asking, path, "no admin address");
}

static int find_gateway(struct asking *asking, const struct gw_cli_admin *admin)
{
    const char *token = getenv("MILLGATE_ADMIN_TOKEN");
    int code = GW_EXIT_OK;

    if (admin->address == NULL && admin->config_path == NULL) {
        fprintf(asking->cli->err, "millgate: where the gateway is is missing: --admin ADDRESS, or "
                                  "-c FILE\n");
        return GW_EXIT_USAGE;
    }
    if (admin->address == NULL)
        code = take_configuration(asking, admin->config_path);
    else if (!take_address(asking, gw_str_of(admin->address)))
        code = fail(asking, admin->address, "this is no address");
    if (code != GW_EXIT_OK)
        return code;
    if (admin->token_file != NULL)
        asking->token = read_text(asking, admin->token_file);
    else if (token != NULL)
        asking->token = gw_str_of(token);
    if (admin->token_file != NULL && asking->token.ptr == NULL)
        return fail(asking, admin->token_file, "cannot be read");
    if (admin->ca_file != NULL) {
        asking->origin.ca_pem = read_text(asking, admin->ca_file);
        if (asking->origin.ca_pem.len == 0)
            return fail(asking, admin->ca_file, "cannot be read");
    }
    return GW_EXIT_OK;
}

/* --- the call --- */

static void read_answer(void *self)
{
    struct asking *asking = self;

    for (;;) {
        char *room = gw_buf_reserve(&asking->answer, 16384);
        if (room == NULL) {
            snprintf(asking->failure, sizeof(asking->failure), "the answer is too large");
            gw_http_call_cancel(asking->call);
            asking->is_over = true;
            return;
        }
        ssize_t count = gw_http_call_read(asking->call, room, 16384);
        if (count == -EAGAIN || count == -EPIPE)
            return;
        if (count <= 0) {
            asking->is_over = true;
            return;
        }
        asking->answer.len += (size_t)count;
    }
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct asking *asking = self;

    asking->status = head->status;
    read_answer(self);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct asking *asking = self;

    snprintf(asking->failure, sizeof(asking->failure), "%s: %s", gw_http_failure_name(failure),
             detail);
    asking->is_over = true;
}

static int run(struct asking *asking, const char *method, const char *path, const char *body)
{
    static const struct gw_http_call_events events = {
        .on_head = on_head, .on_readable = read_answer, .on_failure = on_failure};
    struct gw_http_origin *origin = NULL;
    struct gw_error error = {0};
    struct gw_field fields[2] = {
        {.name = GW_STR("Content-Type"), .value = GW_STR("application/json")}};
    size_t field_count = 1;

    if (asking->token.len > 0)
        fields[field_count++] = (struct gw_field){
            .name = GW_STR("Authorization"),
            .value = gw_arena_printf(&asking->arena, "Bearer %.*s", GW_STR_ARG(asking->token))};
    const struct gw_http_request request = {
        .method = gw_str_of(method),
        .target = gw_str_of(path),
        .fields = fields,
        .field_count = field_count,
        .body = gw_str_of(body),
        .body_bytes = body == NULL ? 0 : (int64_t)strlen(body),
        .first_byte_ns = DEADLINE_NS,
        .total_ns = DEADLINE_NS,
    };
    if (gw_loop_create(&asking->loop, &error) != 0 ||
        gw_http_client_create(asking->loop, &asking->client, &error) != 0 ||
        gw_http_origin_get(asking->client, &asking->origin, &origin, &error) != 0)
        return fail(asking, "cannot ask the gateway", error.text);
    int rc = gw_http_call_start(origin, &request, &events, asking, &asking->call);
    while (rc == 0 && !asking->is_over)
        gw_loop_turn(asking->loop, 1000);
    gw_http_origin_put(origin);
    if (rc != 0)
        return fail(asking, "cannot ask the gateway", strerror(-rc));
    return asking->failure[0] == '\0'
               ? GW_EXIT_OK
               : fail(asking, "the gateway cannot be asked", asking->failure);
}

/* --- the answer --- */

static int report_problem(const struct asking *asking, const json_t *problem)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    size_t index;
    json_t *error;

    fprintf(asking->cli->err, "millgate: %d: %s\n", asking->status,
            detail != NULL ? detail : "the gateway refuses");
    json_array_foreach(json_object_get(problem, "errors"), index, error)
    {
        const char *text = json_string_value(json_object_get(error, "detail"));
        if (text != NULL)
            fprintf(asking->cli->err, "  %s\n", text);
    }
    return GW_EXIT_PROBLEM;
}

static int take_answer(const struct asking *asking, json_t **out_answer)
{
    json_t *answer = NULL;

    if (asking->answer.len > 0)
        answer = json_loadb(asking->answer.ptr, asking->answer.len, 0, NULL);
    if (asking->status >= 300) {
        int code = report_problem(asking, answer);
        json_decref(answer);
        return code;
    }
    if (asking->answer.len > 0 && answer == NULL)
        return fail(asking, "the gateway's answer", "it is no JSON");
    *out_answer = answer;
    return GW_EXIT_OK;
}

int gw_cli_admin_call(const struct gw_cli *cli, const struct gw_cli_admin *admin,
                      const char *method, const char *path, const json_t *body, json_t **out_answer)
{
    struct asking asking = {.cli = cli};
    char *dumped = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);

    gw_arena_init(&asking.arena, 4096, 4 * MAX_FILE_BYTES);
    gw_buf_init(&asking.answer, MAX_ANSWER_BYTES);
    int code = find_gateway(&asking, admin);
    if (code == GW_EXIT_OK)
        code = run(&asking, method, path, dumped);
    if (code == GW_EXIT_OK)
        code = take_answer(&asking, out_answer);
    free(dumped);
    gw_http_client_destroy(asking.client);
    gw_loop_destroy(asking.loop);
    gw_buf_finish(&asking.answer);
    gw_arena_finish(&asking.arena);
    return code;
}

void gw_cli_append_encoded(struct gw_buf *buf, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= '0' && byte <= '9') || strchr("-._~", byte) != NULL;
        if (is_plain)
            gw_buf_append_byte(buf, (char)byte);
        else
            gw_buf_printf(buf, "%%%02X", byte);
    }
}
