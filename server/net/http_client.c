#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/http_client_parts.h"
#include "server/net/resolver.h"

#define SPARE_OUT_BYTES 16384 /* a spare call keeps a buffer up to this size */

int gw_http_client_create(struct gw_loop *loop, struct gw_http_client **out_client,
                          struct gw_error *error)
{
    struct gw_http_client *client = calloc(1, sizeof(*client));

    if (client == NULL || gw_resolver_create(loop, &client->resolver) != 0) {
        free(client);
        return gw_error_set(error, -ENOMEM, "no memory for an HTTP client");
    }
    client->loop = loop;
    gw_list_init(&client->origins);
    gw_list_init(&client->calls);
    *out_client = client;
    return 0;
}

static void free_spares(struct gw_http_client *client)
{
    while (client->spare_inputs != NULL) {
        struct http_input *input = client->spare_inputs;

        client->spare_inputs = input->next;
        free(input);
    }
    while (client->spare_calls != NULL) {
        struct gw_http_call *call = client->spare_calls;

        client->spare_calls = call->next_spare;
        gw_buf_finish(&call->out);
        free(call);
    }
}

void gw_http_client_destroy(struct gw_http_client *client)
{
    if (client == NULL)
        return;
    for (struct gw_list *node = client->origins.next; node != &client->origins; node = node->next) {
        struct gw_http_origin *origin = GW_LIST_ITEM(node, struct gw_http_origin, node);

        origin->config.max_connections = 0; /* nothing is opened for those that still wait */
        origin->references++;               /* keeps it until its turn below */
    }
    while (!gw_list_is_empty(&client->calls))
        gw_http_call_cancel(GW_LIST_ITEM(client->calls.next, struct gw_http_call, live));
    while (!gw_list_is_empty(&client->origins)) {
        struct gw_http_origin *origin =
            GW_LIST_ITEM(client->origins.next, struct gw_http_origin, node);

        http_pool_close_all(origin);
        origin->references = 0;
        http_origin_reap(origin);
    }
    gw_resolver_destroy(client->resolver);
    free_spares(client);
    free(client);
}

struct http_input *http_input_take(struct gw_http_client *client)
{
    struct http_input *input = client->spare_inputs;

    if (input != NULL) {
        client->spare_inputs = input->next;
        client->spare_input_count--;
    } else if ((input = malloc(sizeof(*input))) == NULL) {
        return NULL;
    }
    input->begin = input->end = 0;
    gw_http_head_parser_init(&input->parser, 0);
    return input;
}

void http_input_give(struct gw_http_client *client, struct http_input *input)
{
    if (input == NULL)
        return;
    if (client->spare_input_count == HTTP_MAX_SPARE_INPUTS) {
        free(input);
        return;
    }
    input->next = client->spare_inputs;
    client->spare_inputs = input;
    client->spare_input_count++;
}

struct gw_http_call *http_call_take(struct gw_http_client *client)
{
    struct gw_http_call *call = client->spare_calls;

    if (call == NULL)
        return calloc(1, sizeof(*call));
    client->spare_calls = call->next_spare;
    client->spare_call_count--;
    struct gw_buf out = call->out;

    memset(call, 0, sizeof(*call));
    call->out = out;
    gw_buf_clear(&call->out);
    return call;
}

void http_call_give(struct gw_http_client *client, struct gw_http_call *call)
{
    if (call->out.capacity > SPARE_OUT_BYTES)
        gw_buf_finish(&call->out);
    if (client->spare_call_count == HTTP_MAX_SPARE_CALLS) {
        gw_buf_finish(&call->out);
        free(call);
        return;
    }
    call->next_spare = client->spare_calls;
    client->spare_calls = call;
    client->spare_call_count++;
}

const char *gw_http_failure_name(enum gw_http_failure failure)
{
    static const char *const names[] = {
        [GW_HTTP_UNRESOLVED] = "unresolved", [GW_HTTP_UNREACHABLE] = "unreachable",
        [GW_HTTP_UNTRUSTED] = "untrusted",   [GW_HTTP_OVERLOADED] = "overloaded",
        [GW_HTTP_TIMED_OUT] = "timed-out",   [GW_HTTP_DISCONNECTED] = "disconnected",
        [GW_HTTP_MALFORMED] = "malformed",   [GW_HTTP_HEAD_TOO_LARGE] = "head-too-large",
        [GW_HTTP_NO_MEMORY] = "no-memory",
    };

    return names[failure];
}
