/* The queue in which samples wait until none can come that belongs before them.
 *
 * What comes in order goes through a ring at the cost of a copy; what does not goes through a heap.
 * Bounded by SIGNAL_QUEUE_MAX. One owner. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"

#define SIGNAL_QUEUE_MAX (1u << 20)

enum signal_record_kind { RECORD_SAMPLE, RECORD_OFFLINE };

struct signal_record {
    int64_t time_ms;
    double number;    /* NAN: none; of a text, its code */
    uint32_t subject; /* series; of RECORD_OFFLINE, the device */
    uint8_t kind, quality;
    bool is_text;
};

struct signal_queue {
    struct signal_record *ring; /* in the order of time */
    uint32_t ring_at, ring_count, ring_capacity;
    struct signal_record *heap;
    uint32_t heap_count, heap_capacity;
};

void signal_queue_finish(struct signal_queue *queue); /* safe on a zeroed one */
size_t signal_queue_count(const struct signal_queue *queue);
size_t signal_queue_bytes(const struct signal_queue *queue);
/* 0, -ENOBUFS (it is full), -ENOMEM. */
GW_MUST_CHECK
int signal_queue_push(struct signal_queue *queue, const struct signal_record *record);
/* Of the first one; INT64_MAX: it is empty. */
int64_t signal_queue_time_ms(const struct signal_queue *queue);

/* All of one time, in an order that does not depend on how they came; of several of one series the
 * best (by quality, then the greater number) is left. */
struct signal_instant {
    struct signal_record *records;
    uint32_t count, capacity;
};

/* Takes the first time's off, of a queue that is not empty. 0, or -ENOMEM: nothing was taken. */
GW_MUST_CHECK
int signal_queue_take(struct signal_queue *queue, struct signal_instant *instant);
/* All, in no particular order: for saving. */
const struct signal_record *signal_queue_at(const struct signal_queue *queue, size_t index);
