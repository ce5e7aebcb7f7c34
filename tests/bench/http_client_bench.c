/* CPU per call of the HTTP client: keeps 64 calls under way to a server on 127.0.0.1.
 *
 *     bench.http_client <port> [calls] [calls at once]
 *
 * Prints calls per second and this process's own CPU time per call. For comparisons on one machine;
 * no test. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "server/core/clock.h"
#include "server/net/http_client.h"

enum { MAX_AT_ONCE = 1024 };

struct run {
    struct gw_loop *loop;
    struct gw_http_origin *origin;
    unsigned long to_start, to_end, failures;
};

struct slot {
    struct run *run;
    struct gw_http_call *call;
    struct gw_timer again;
};

static void start(struct slot *slot);

static void start_again(struct gw_timer *timer)
{
    start(GW_CONTAINER_OF(timer, struct slot, again));
}

static void end(struct slot *slot)
{
    if (--slot->run->to_end == 0)
        gw_loop_stop(slot->run->loop);
    else if (slot->run->to_start > 0)
        start(slot);
}

static void read_on(void *self)
{
    struct slot *slot = self;
    char piece[16384];
    ssize_t count;

    do
        count = gw_http_call_read(slot->call, piece, sizeof(piece));
    while (count > 0);
    if (count == 0)
        end(slot);
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct slot *slot = self;

    if (head->status != 200)
        slot->run->failures++;
    read_on(slot);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct slot *slot = self;

    if (slot->run->failures++ == 0)
        fprintf(stderr, "%s: %s\n", gw_http_failure_name(failure), detail);
    end(slot);
}

static void start(struct slot *slot)
{
    static const struct gw_http_call_events events = {
        .on_head = on_head, .on_readable = read_on, .on_failure = on_failure};
    static const struct gw_field fields[] = {
        {GW_STR_INIT("Accept"), GW_STR_INIT("application/json")},
        {GW_STR_INIT("User-Agent"), GW_STR_INIT("bench/1")},
        {GW_STR_INIT("X-Request-Id"), GW_STR_INIT("4bf92f3577b34da6a3ce929d0e0e4736")},
        {GW_STR_INIT("traceparent"),
         GW_STR_INIT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
    };
    const struct gw_http_request request = {.method = GW_STR("GET"),
                                            .target = GW_STR("/"),
                                            .fields = fields,
                                            .field_count = GW_COUNT_OF(fields),
                                            .is_replayable = true,
                                            .total_ns = 30 * GW_NS_PER_SECOND};

    slot->run->to_start--;
    if (gw_http_call_start(slot->run->origin, &request, &events, slot, &slot->call) != 0)
        gw_timer_start(slot->run->loop, &slot->again, GW_NS_PER_MS, start_again);
}

static double cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static unsigned long argument(int argc, char **argv, int at, unsigned long or_else)
{
    return argc > at ? strtoul(argv[at], NULL, 10) : or_else;
}

int main(int argc, char **argv)
{
    static struct slot slots[MAX_AT_ONCE];
    unsigned long calls = argument(argc, argv, 2, 200000), at_once = argument(argc, argv, 3, 64);
    struct gw_http_origin_config config = {.host = GW_STR("127.0.0.1"),
                                           .port = (uint16_t)argument(argc, argv, 1, 0)};
    struct run run = {.to_start = calls, .to_end = calls};
    struct gw_http_client *client;
    struct gw_error error;

    if (gw_loop_create(&run.loop, &error) != 0 ||
        gw_http_client_create(run.loop, &client, &error) != 0 ||
        gw_http_origin_get(client, &config, &run.origin, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    uint64_t begun_ns = gw_clock_monotonic_ns();
    double begun_us = cpu_us();

    for (unsigned long at = 0; at < at_once && at < MAX_AT_ONCE && run.to_start > 0; at++) {
        slots[at].run = &run;
        start(&slots[at]);
    }
    gw_loop_run(run.loop);
    double seconds = (double)(gw_clock_monotonic_ns() - begun_ns) / 1e9;

    printf("%lu calls, %lu at once: %.0f calls/s, %.2f us CPU per call, %lu failures\n", calls,
           at_once, (double)calls / seconds, (cpu_us() - begun_us) / (double)calls, run.failures);
    gw_http_origin_put(run.origin);
    gw_http_client_destroy(client);
    gw_loop_destroy(run.loop);
    return run.failures == 0 ? 0 : 1;
}
