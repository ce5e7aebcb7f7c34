#include "body_limit.h"

#include <errno.h>
#include <stdlib.h>

#include "server/contract/operation.h"

static const struct gw_option body_limit_options[] = {
    {.name = "max_bytes",
     .type = GW_BYTES,
     .min = 1,
     .max = INT64_C(1) << 40,
     .value = "1MiB",
     .help = "The largest request body; an operation's own `x-millgate.max_body` may be smaller, "
             "not larger."},
    {0},
};

struct body_limit {
    uint64_t max_bytes;
};

static int body_limit_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct body_limit *limit = malloc(sizeof(*limit));

    if (limit == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    limit->max_bytes = (uint64_t)json_integer_value(json_object_get(config, "max_bytes"));
    *out_self = limit;
    return 0;
}

/* A length that is announced is refused at once; what comes without is counted as it comes. */
static enum gw_verdict body_limit_on_request(void *self, struct gw_exchange *ex)
{
    const struct body_limit *limit = self;
    uint64_t max_bytes = limit->max_bytes;

    if (ex->operation != NULL && ex->operation->max_body_bytes > 0 &&
        ex->operation->max_body_bytes < max_bytes)
        max_bytes = ex->operation->max_body_bytes;
    if (ex->request.body_bytes > 0 && (uint64_t)ex->request.body_bytes > max_bytes)
        return gw_exchange_reject(ex, "body-too-large", NULL, 0);
    ex->body_limit_bytes = max_bytes;
    return GW_NEXT;
}

const struct gw_filter_type gw_body_limit = {
    .name = "body_limit",
    .options = body_limit_options,
    .create = body_limit_create,
    .destroy = free,
    .on_request = body_limit_on_request,
};
