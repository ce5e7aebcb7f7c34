#include "policies/jwt/dpop_replay.h"

#include <stdio.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/crypto/base64url.h"
#include "server/filter/worker.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define DIGEST_LEN 43 /* base64url of a SHA-256 */

/* Its last second counts in full. */
static uint64_t life_ms(const struct dpop_proof *proof, int64_t now_s)
{
    int64_t left_s = proof->valid_until_s - now_s;

    return (uint64_t)(left_s < 0 ? 1 : left_s + 1) * 1000;
}

static enum dpop_replay_verdict ask_memory(struct dpop_replay *replay, struct gw_worker *worker,
                                           const struct dpop_proof *proof, int64_t now_s)
{
    uint8_t both[2 * GW_SHA256_BYTES], digest[GW_DIGEST_MAX_BYTES];

    memcpy(both, proof->thumbprint, GW_SHA256_BYTES);
    memcpy(both + GW_SHA256_BYTES, proof->id, GW_SHA256_BYTES);
    gw_digest_compute(GW_SHA256, gw_str_from((const char *)both, sizeof(both)), digest);
    switch (dpop_memory_add(replay->memory, digest, life_ms(proof, now_s) * GW_NS_PER_MS,
                            gw_loop_now_ns(worker->loop))) {
    case DPOP_NEW:
        return DPOP_REPLAY_FRESH;
    case DPOP_SEEN:
        return DPOP_REPLAY_SEEN;
    case DPOP_FULL:
        break;
    }
    return DPOP_REPLAY_AWAY;
}

/* SET NX says OK once, and nil from then on. */
static void on_reply(void *self, int rc, const struct gw_reply *reply)
{
    struct dpop_replay_question *question = self;
    enum dpop_replay_verdict verdict = DPOP_REPLAY_AWAY;

    question->call = NULL;
    if (rc == 0 && reply->type == GW_REPLY_STATUS && gw_str_equal(reply->text, GW_STR("OK")))
        verdict = DPOP_REPLAY_FRESH;
    else if (rc == 0 && reply->type == GW_REPLY_NIL)
        verdict = DPOP_REPLAY_SEEN;
    question->on_answer(question, verdict);
}

/* millgate:dpop:{thumbprint}:id, both in base64url: all of one key lie in one slot. */
static void write_key(struct dpop_replay_question *question, const struct dpop_proof *proof)
{
    char thumbprint[DIGEST_LEN + 1] = "", id[DIGEST_LEN + 1] = "";

    gw_base64url_encode(proof->thumbprint, GW_SHA256_BYTES, thumbprint);
    gw_base64url_encode(proof->id, GW_SHA256_BYTES, id);
    snprintf(question->key, sizeof(question->key), "millgate:dpop:{%s}:%s", thumbprint, id);
}

enum dpop_replay_verdict dpop_replay_ask(struct dpop_replay *replay, struct gw_worker *worker,
                                         const struct dpop_proof *proof, int64_t now_s,
                                         struct dpop_replay_question *question)
{
    if (worker == NULL)
        return DPOP_REPLAY_AWAY;
    if (replay->memory != NULL)
        return ask_memory(replay, worker, proof, now_s);

    write_key(question, proof);
    snprintf(question->life_ms, sizeof(question->life_ms), "%llu",
             (unsigned long long)life_ms(proof, now_s));
    const struct gw_str args[] = {
        GW_STR("SET"), gw_str_of(question->key),     GW_STR("1"), GW_STR("NX"),
        GW_STR("PX"),  gw_str_of(question->life_ms),
    };
    const struct gw_redis_command command = {
        .args = args, .count = GW_COUNT_OF(args), .timeout_ns = replay->timeout_ns};
    if (worker->redis == NULL ||
        gw_redis_send(worker->redis, &command, on_reply, question, &question->call) != 0)
        return DPOP_REPLAY_AWAY;
    return DPOP_REPLAY_WAIT;
}

void dpop_replay_cancel(struct dpop_replay_question *question)
{
    if (question->call != NULL)
        gw_redis_cancel(question->call);
    question->call = NULL;
}
