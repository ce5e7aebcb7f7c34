#include "server/core/hash.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "server/core/clock.h"

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

static void sip_round(struct sip_state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left(s->v2, 32);
}

/* One round per word and three at the end: what Rust's and Python's tables use. */
uint64_t gw_hash(const struct gw_hash_key *key, struct gw_str text)
{
    struct sip_state s = {
        .v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
        .v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = key->k1 ^ UINT64_C(0x7465646279746573),
    };
    size_t at = 0;

    for (; text.len - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, text.ptr + at, 8);
        s.v3 ^= word;
        sip_round(&s);
        s.v0 ^= word;
    }
    uint64_t last = (uint64_t)text.len << 56;
    for (unsigned i = 0; at + i < text.len; i++)
        last |= (uint64_t)(unsigned char)text.ptr[at + i] << (8 * i);
    s.v3 ^= last;
    sip_round(&s);
    s.v0 ^= last;
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static struct gw_hash_key process_key;
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void draw_process_key(void)
{
    if (getrandom(&process_key, sizeof(process_key), 0) != (ssize_t)sizeof(process_key))
        process_key.k0 = gw_clock_realtime_ns(); /* a weak key costs speed under attack, no more */
}

const struct gw_hash_key *gw_hash_process_key(void)
{
    pthread_once(&process_key_once, draw_process_key);
    return &process_key;
}
