#include "server/observe/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/map.h"
#include "server/observe/metric_labels.h"

#define SLOT_COUNT 16384 /* a power of two; most are for 256 backends, 1,024 targets */
#define ROUTES_PER_CHUNK 64
#define CHUNK_COUNT (GW_METRICS_MAX_ROUTES / ROUTES_PER_CHUNK)

static const uint64_t bounds_us[] = {1000,   2500,   5000,    10000,   25000,   50000,   100000,
                                     250000, 500000, 1000000, 2500000, 5000000, 10000000};
static const char *const bound_names[] = {"0.001", "0.0025", "0.005", "0.01", "0.025",
                                          "0.05",  "0.1",    "0.25",  "0.5",  "1",
                                          "2.5",   "5",      "10"};
#define BOUND_COUNT GW_COUNT_OF(bounds_us)

static const char *const class_names[] = {"1xx", "2xx", "3xx", "4xx", "5xx", "aborted"};
#define CLASS_COUNT GW_COUNT_OF(class_names)
#define CLASS_ABORTED (CLASS_COUNT - 1)

typedef _Atomic uint64_t cell;

struct slot {
    _Atomic(const struct gw_metric *) metric; /* set once, after the value */
    cell value;
};

struct route_cells {
    cell by_class[CLASS_COUNT];
    cell by_bound[BOUND_COUNT + 1];
    cell sum_us;
};

struct gw_metrics_shard {
    struct gw_metric_labels *labels; /* of all shards */
    struct slot slots[SLOT_COUNT];
    _Atomic(struct route_cells *) chunks[CHUNK_COUNT];
};

struct route {
    char *labels; /* `method="GET",route="/..."`, which is also its key */
};

struct gw_metrics {
    struct gw_metrics_shard *shards;
    size_t shard_count;
    struct gw_metric_labels *labels;
    struct route *routes[GW_METRICS_MAX_ROUTES];
    _Atomic size_t route_count;
    struct gw_map by_labels; /* value: index + 1 as a pointer */
};

/* Only the shard's owner writes, so a plain load and store do. */
static void cell_add(cell *value, uint64_t by)
{
    uint64_t old = atomic_load_explicit(value, memory_order_relaxed);
    atomic_store_explicit(value, old + by, memory_order_relaxed);
}

static uint64_t cell_get(const cell *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

struct gw_metrics *gw_metrics_create(size_t shard_count)
{
    struct gw_metrics *metrics = calloc(1, sizeof(*metrics));

    if (metrics == NULL)
        return NULL;
    gw_map_init(&metrics->by_labels, GW_METRICS_MAX_ROUTES);
    metrics->shards = calloc(shard_count, sizeof(*metrics->shards));
    metrics->shard_count = shard_count;
    metrics->labels = gw_metric_labels_create();
    for (size_t i = 0; metrics->shards != NULL && i < shard_count; i++)
        metrics->shards[i].labels = metrics->labels;
    if (metrics->shards == NULL || metrics->labels == NULL ||
        gw_metrics_route(metrics, "", GW_STR("other")) != 0) {
        gw_metrics_destroy(metrics);
        return NULL;
    }
    return metrics;
}

void gw_metrics_destroy(struct gw_metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; metrics->shards != NULL && i < metrics->shard_count; i++) {
        for (size_t chunk = 0; chunk < CHUNK_COUNT; chunk++)
            free(atomic_load_explicit(&metrics->shards[i].chunks[chunk], memory_order_relaxed));
    }
    for (size_t i = 0; i < GW_METRICS_MAX_ROUTES && metrics->routes[i] != NULL; i++) {
        free(metrics->routes[i]->labels);
        free(metrics->routes[i]);
    }
    gw_map_finish(&metrics->by_labels);
    gw_metric_labels_destroy(metrics->labels);
    free(metrics->shards);
    free(metrics);
}

struct gw_metrics_shard *gw_metrics_get_shard(struct gw_metrics *metrics, size_t index)
{
    return &metrics->shards[index];
}

static size_t first_place(const struct gw_metric *metric)
{
    return ((uintptr_t)metric >> 4) * 0x9e3779b1u & (SLOT_COUNT - 1);
}

/* For another thread: the metric's slot, or NULL if this shard has not used it yet. */
static const struct slot *look_up(const struct gw_metrics_shard *shard,
                                  const struct gw_metric *metric)
{
    size_t at = first_place(metric);

    for (size_t tries = 0; tries < SLOT_COUNT; tries++) {
        const struct slot *slot = &shard->slots[at];
        const struct gw_metric *here = atomic_load_explicit(&slot->metric, memory_order_acquire);
        if (here == metric)
            return slot;
        if (here == NULL)
            return NULL;
        at = (at + 1) & (SLOT_COUNT - 1);
    }
    return NULL;
}

/* The metric's slot, taken on first use; NULL when all are taken (then nothing is counted). */
static struct slot *find_slot(struct gw_metrics_shard *shard, const struct gw_metric *metric)
{
    size_t at = first_place(metric);

    for (size_t tries = 0; tries < SLOT_COUNT; tries++) {
        struct slot *slot = &shard->slots[at];
        const struct gw_metric *here = atomic_load_explicit(&slot->metric, memory_order_relaxed);
        if (here == metric)
            return slot;
        if (here == NULL) {
            atomic_store_explicit(&slot->metric, metric, memory_order_release);
            return slot;
        }
        at = (at + 1) & (SLOT_COUNT - 1);
    }
    return NULL;
}

void gw_metrics_add(struct gw_metrics_shard *shard, const struct gw_metric *metric, uint64_t by)
{
    struct slot *slot = shard == NULL || metric == NULL ? NULL : find_slot(shard, metric);
    if (slot != NULL)
        cell_add(&slot->value, by);
}

void gw_metrics_set(struct gw_metrics_shard *shard, const struct gw_metric *metric, uint64_t value)
{
    struct slot *slot = shard == NULL || metric == NULL ? NULL : find_slot(shard, metric);
    if (slot != NULL)
        atomic_store_explicit(&slot->value, value, memory_order_relaxed);
}

const struct gw_metric *gw_metrics_labelled(struct gw_metrics_shard *shard,
                                            const struct gw_metric *metric, const char *labels)
{
    return shard == NULL ? NULL : gw_metric_labels_get(shard->labels, metric, labels);
}

/* --- routes --- */

/* All shards get the chunk that `index` lies in. */
static bool add_chunks(struct gw_metrics *metrics, size_t index)
{
    size_t chunk = index / ROUTES_PER_CHUNK;

    for (size_t i = 0; i < metrics->shard_count; i++) {
        _Atomic(struct route_cells *) *place = &metrics->shards[i].chunks[chunk];
        if (atomic_load_explicit(place, memory_order_relaxed) != NULL)
            continue;
        struct route_cells *cells = calloc(ROUTES_PER_CHUNK, sizeof(*cells));
        if (cells == NULL)
            return false;
        atomic_store_explicit(place, cells, memory_order_release);
    }
    return true;
}

static char *print_labels(const char *method, struct gw_str route)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 4096);
    gw_buf_printf(&buf, "method=\"%s\",route=\"", method);
    gw_buf_append_json(&buf, route); /* the same escapes: backslash, quote, line feed */
    gw_buf_append(&buf, "\"", 2);    /* with the NUL */
    if (buf.has_failed)
        gw_buf_finish(&buf);
    return buf.ptr;
}

size_t gw_metrics_route(struct gw_metrics *metrics, const char *method, struct gw_str route)
{
    size_t index = atomic_load_explicit(&metrics->route_count, memory_order_relaxed);
    char *labels = print_labels(method, route);
    void *known = labels == NULL ? NULL : gw_map_get(&metrics->by_labels, gw_str_of(labels));

    if (known != NULL || index == GW_METRICS_MAX_ROUTES || labels == NULL) {
        free(labels);
        return known == NULL ? 0 : (size_t)(uintptr_t)known - 1;
    }
    struct route *entry = malloc(sizeof(*entry));
    if (entry == NULL || !add_chunks(metrics, index) ||
        gw_map_add(&metrics->by_labels, gw_str_of(labels), (void *)(uintptr_t)(index + 1)) != 0) {
        free(entry);
        free(labels);
        return 0;
    }
    entry->labels = labels;
    metrics->routes[index] = entry;
    atomic_store_explicit(&metrics->route_count, index + 1, memory_order_release);
    return index;
}

static size_t class_of(int status)
{
    return status < 100 || status > 599 ? CLASS_ABORTED : (size_t)status / 100 - 1;
}

void gw_metrics_exchange(struct gw_metrics_shard *shard, size_t route, int status,
                         uint64_t duration_ns)
{
    struct route_cells *chunk =
        shard == NULL
            ? NULL
            : atomic_load_explicit(&shard->chunks[route / ROUTES_PER_CHUNK], memory_order_acquire);
    if (chunk == NULL)
        return;

    struct route_cells *cells = &chunk[route % ROUTES_PER_CHUNK];
    uint64_t us = duration_ns / GW_NS_PER_US;
    size_t bound = 0;
    while (bound < BOUND_COUNT && us > bounds_us[bound])
        bound++;
    cell_add(&cells->by_class[class_of(status)], 1);
    cell_add(&cells->by_bound[bound], 1);
    cell_add(&cells->sum_us, us);
}

/* --- printing --- */

/* Sums over all shards the slots of one description. */
static uint64_t sum_metric(const struct gw_metrics *metrics, const struct gw_metric *metric)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < metrics->shard_count; i++) {
        const struct slot *slot = look_up(&metrics->shards[i], metric);
        if (slot != NULL)
            sum += cell_get(&slot->value);
    }
    return sum;
}

static int compare_metrics(const void *left, const void *right)
{
    const struct gw_metric *a = *(const struct gw_metric *const *)left;
    const struct gw_metric *b = *(const struct gw_metric *const *)right;
    int order = strcmp(a->name, b->name);

    if (order == 0)
        order = strcmp(a->labels == NULL ? "" : a->labels, b->labels == NULL ? "" : b->labels);
    return order;
}

/* The descriptions that any shard has used, by name; returns how many. */
static size_t collect_metrics(const struct gw_metrics *metrics, const struct gw_metric **out,
                              size_t capacity)
{
    size_t count = 0;

    for (size_t i = 0; i < metrics->shard_count; i++) {
        for (size_t at = 0; at < SLOT_COUNT; at++) {
            const struct gw_metric *metric =
                atomic_load_explicit(&metrics->shards[i].slots[at].metric, memory_order_acquire);
            size_t known = 0;
            while (metric != NULL && known < i && look_up(&metrics->shards[known], metric) == NULL)
                known++;
            if (metric != NULL && known == i && count < capacity)
                out[count++] = metric;
        }
    }
    qsort(out, count, sizeof(out[0]), compare_metrics);
    return count;
}

static void print_described(const struct gw_metrics *metrics, struct gw_buf *out)
{
    const struct gw_metric *used[SLOT_COUNT];
    size_t count = collect_metrics(metrics, used, SLOT_COUNT);

    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(used[i]->name, used[i - 1]->name) != 0)
            gw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", used[i]->name, used[i]->help,
                          used[i]->name, used[i]->is_gauge ? "gauge" : "counter");
        const char *labels = used[i]->labels;
        gw_buf_printf(out, "%s%s%s%s %llu\n", used[i]->name, labels == NULL ? "" : "{",
                      labels == NULL ? "" : labels, labels == NULL ? "" : "}",
                      (unsigned long long)sum_metric(metrics, used[i]));
    }
}

static struct route_cells sum_route(const struct gw_metrics *metrics, size_t index)
{
    struct route_cells sum = {0};

    for (size_t i = 0; i < metrics->shard_count; i++) {
        const struct route_cells *chunk = atomic_load_explicit(
            &metrics->shards[i].chunks[index / ROUTES_PER_CHUNK], memory_order_acquire);
        if (chunk == NULL)
            continue;
        const struct route_cells *cells = &chunk[index % ROUTES_PER_CHUNK];
        for (size_t at = 0; at < CLASS_COUNT; at++)
            cell_add(&sum.by_class[at], cell_get(&cells->by_class[at]));
        for (size_t at = 0; at <= BOUND_COUNT; at++)
            cell_add(&sum.by_bound[at], cell_get(&cells->by_bound[at]));
        cell_add(&sum.sum_us, cell_get(&cells->sum_us));
    }
    return sum;
}

static void print_route_classes(const struct gw_metrics *metrics, size_t index, struct gw_buf *out)
{
    struct route_cells sum = sum_route(metrics, index);

    for (size_t at = 0; at < CLASS_COUNT; at++) {
        uint64_t count = cell_get(&sum.by_class[at]);
        if (count > 0)
            gw_buf_printf(out, "millgate_requests_total{%s,status=\"%s\"} %llu\n",
                          metrics->routes[index]->labels, class_names[at],
                          (unsigned long long)count);
    }
}

static void print_route_durations(const struct gw_metrics *metrics, size_t index,
                                  struct gw_buf *out)
{
    struct route_cells sum = sum_route(metrics, index);
    const char *labels = metrics->routes[index]->labels;
    uint64_t us = cell_get(&sum.sum_us);
    uint64_t count = 0;

    for (size_t at = 0; at <= BOUND_COUNT; at++)
        count += cell_get(&sum.by_bound[at]);
    if (count == 0)
        return;
    uint64_t up_to = 0;
    for (size_t at = 0; at <= BOUND_COUNT; at++) {
        up_to += cell_get(&sum.by_bound[at]);
        gw_buf_printf(out, "millgate_request_duration_seconds_bucket{%s,le=\"%s\"} %llu\n", labels,
                      at == BOUND_COUNT ? "+Inf" : bound_names[at], (unsigned long long)up_to);
    }
    gw_buf_printf(out, "millgate_request_duration_seconds_sum{%s} %llu.%06llu\n", labels,
                  (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
    gw_buf_printf(out, "millgate_request_duration_seconds_count{%s} %llu\n", labels,
                  (unsigned long long)count);
}

void gw_metrics_print(const struct gw_metrics *metrics, struct gw_buf *out)
{
    size_t route_count = atomic_load_explicit(&metrics->route_count, memory_order_acquire);

    print_described(metrics, out);
    gw_buf_append_text(out, "# HELP millgate_requests_total Requests by route and status class.\n"
                            "# TYPE millgate_requests_total counter\n");
    for (size_t i = 0; i < route_count; i++)
        print_route_classes(metrics, i, out);
    gw_buf_append_text(out, "# HELP millgate_request_duration_seconds From the request's head to "
                            "the last byte of the response.\n"
                            "# TYPE millgate_request_duration_seconds histogram\n");
    for (size_t i = 0; i < route_count; i++)
        print_route_durations(metrics, i, out);
}
