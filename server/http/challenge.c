#include "server/http/challenge.h"

#include "server/core/buf.h"
#include "server/http/exchange.h"

void gw_challenge_add(struct gw_exchange *ex, struct gw_buf *challenge)
{
    struct gw_str value = {NULL, 0};

    if (!challenge->has_failed)
        value = gw_arena_copy(&ex->arena, gw_buf_str(challenge));
    gw_buf_finish(challenge);
    if (value.ptr != NULL && gw_response_add_field(ex, GW_STR("WWW-Authenticate"), value) != 0)
        ex->must_close = true;
}
