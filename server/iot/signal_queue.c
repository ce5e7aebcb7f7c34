#include "server/iot/signal_queue.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64 /* a power of two, as all capacities of rings are */

void signal_queue_finish(struct signal_queue *queue)
{
    free(queue->ring);
    free(queue->heap);
    *queue = (struct signal_queue){0};
}

size_t signal_queue_count(const struct signal_queue *queue)
{
    return (size_t)queue->ring_count + queue->heap_count;
}

size_t signal_queue_bytes(const struct signal_queue *queue)
{
    return ((size_t)queue->ring_capacity + queue->heap_capacity) * sizeof(struct signal_record);
}

static struct signal_record *ring_at(const struct signal_queue *queue, uint32_t index)
{
    return &queue->ring[(queue->ring_at + index) & (queue->ring_capacity - 1)];
}

/* --- growing --- */

static int grow_ring(struct signal_queue *queue)
{
    uint32_t capacity = queue->ring_capacity > 0 ? queue->ring_capacity * 2 : FIRST_CAPACITY;
    struct signal_record *ring = malloc(capacity * sizeof(*ring));

    if (ring == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < queue->ring_count; i++)
        ring[i] = *ring_at(queue, i);
    free(queue->ring);
    queue->ring = ring;
    queue->ring_at = 0;
    queue->ring_capacity = capacity;
    return 0;
}

static int grow(struct signal_record **records, uint32_t *capacity, size_t wanted)
{
    size_t next = *capacity > 0 ? *capacity : FIRST_CAPACITY;

    if (wanted <= *capacity)
        return 0;
    while (next < wanted)
        next *= 2;
    struct signal_record *grown = realloc(*records, next * sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    *records = grown;
    *capacity = (uint32_t)next;
    return 0;
}

/* --- the heap: earliest first --- */

static void heap_push(struct signal_queue *queue, const struct signal_record *record)
{
    uint32_t at = queue->heap_count++;

    while (at > 0 && queue->heap[(at - 1) / 2].time_ms > record->time_ms) {
        queue->heap[at] = queue->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->heap[at] = *record;
}

static void heap_pop(struct signal_queue *queue)
{
    struct signal_record last = queue->heap[--queue->heap_count];
    uint32_t at = 0, child;

    while ((child = 2 * at + 1) < queue->heap_count) {
        if (child + 1 < queue->heap_count &&
            queue->heap[child + 1].time_ms < queue->heap[child].time_ms)
            child++;
        if (queue->heap[child].time_ms >= last.time_ms)
            break;
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    if (queue->heap_count > 0)
        queue->heap[at] = last;
}

int signal_queue_push(struct signal_queue *queue, const struct signal_record *record)
{
    if (signal_queue_count(queue) >= SIGNAL_QUEUE_MAX)
        return -ENOBUFS;
    if (queue->ring_count > 0 && ring_at(queue, queue->ring_count - 1)->time_ms > record->time_ms) {
        int rc = grow(&queue->heap, &queue->heap_capacity, (size_t)queue->heap_count + 1);
        if (rc == 0)
            heap_push(queue, record);
        return rc;
    }
    if (queue->ring_count == queue->ring_capacity) {
        int rc = grow_ring(queue);
        if (rc != 0)
            return rc;
    }
    *ring_at(queue, queue->ring_count++) = *record;
    return 0;
}

int64_t signal_queue_time_ms(const struct signal_queue *queue)
{
    int64_t time_ms = queue->ring_count > 0 ? ring_at(queue, 0)->time_ms : INT64_MAX;

    return queue->heap_count > 0 && queue->heap[0].time_ms < time_ms ? queue->heap[0].time_ms
                                                                     : time_ms;
}

/* --- taking --- */

/* Within one time: samples by series, each the best first; then what happened to devices. */
static int compare(const void *a, const void *b)
{
    const struct signal_record *left = a, *right = b;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    if (left->subject != right->subject)
        return left->subject < right->subject ? -1 : 1;
    if (left->quality != right->quality)
        return left->quality < right->quality ? -1 : 1;
    if (left->is_text != right->is_text)
        return left->is_text ? 1 : -1;
    if (isnan(left->number) || isnan(right->number))
        return (isnan(left->number) ? 1 : 0) - (isnan(right->number) ? 1 : 0);
    return left->number > right->number ? -1 : left->number < right->number;
}

static void put_in_order(struct signal_instant *instant)
{
    uint32_t kept = 0;

    for (uint32_t i = 1; i < instant->count; i++)
        if (compare(&instant->records[i - 1], &instant->records[i]) > 0) {
            qsort(instant->records, instant->count, sizeof(*instant->records), compare);
            break;
        }
    for (uint32_t i = 0; i < instant->count; i++) {
        const struct signal_record *record = &instant->records[i];
        const struct signal_record *last = kept > 0 ? &instant->records[kept - 1] : NULL;
        if (last != NULL && last->kind == record->kind && last->subject == record->subject)
            continue;
        if (kept != i)
            instant->records[kept] = *record;
        kept++;
    }
    instant->count = kept;
}

int signal_queue_take(struct signal_queue *queue, struct signal_instant *instant)
{
    int64_t time_ms = signal_queue_time_ms(queue);

    instant->count = 0;
    while (queue->ring_count > 0 && ring_at(queue, 0)->time_ms == time_ms) {
        if (grow(&instant->records, &instant->capacity, (size_t)instant->count + 1) != 0)
            break;
        instant->records[instant->count++] = *ring_at(queue, 0);
        queue->ring_at = (queue->ring_at + 1) & (queue->ring_capacity - 1);
        queue->ring_count--;
    }
    while (queue->heap_count > 0 && queue->heap[0].time_ms == time_ms) {
        if (grow(&instant->records, &instant->capacity, (size_t)instant->count + 1) != 0)
            break;
        instant->records[instant->count++] = queue->heap[0];
        heap_pop(queue);
    }
    put_in_order(instant);
    return instant->count > 0 ? 0 : -ENOMEM;
}

const struct signal_record *signal_queue_at(const struct signal_queue *queue, size_t index)
{
    return index < queue->ring_count ? ring_at(queue, (uint32_t)index)
                                     : &queue->heap[index - queue->ring_count];
}
