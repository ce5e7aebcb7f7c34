#include "server/observe/metric_labels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/hash.h"
#include "server/core/str.h"

#define BUCKET_COUNT 1024 /* a power of two */

struct labelled {
    struct labelled *next;
    const struct gw_metric *base;
    struct gw_metric metric;
    char text[];
};

struct gw_metric_labels {
    pthread_mutex_t lock;
    struct labelled *buckets[BUCKET_COUNT];
    size_t count;
};

struct gw_metric_labels *gw_metric_labels_create(void)
{
    struct gw_metric_labels *labels = calloc(1, sizeof(*labels));

    if (labels != NULL)
        pthread_mutex_init(&labels->lock, NULL);
    return labels;
}

void gw_metric_labels_destroy(struct gw_metric_labels *labels)
{
    if (labels == NULL)
        return;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        while (labels->buckets[i] != NULL) {
            struct labelled *next = labels->buckets[i]->next;
            free(labels->buckets[i]);
            labels->buckets[i] = next;
        }
    }
    pthread_mutex_destroy(&labels->lock);
    free(labels);
}

/* The labels are the operator's words: nobody chooses them to collide. */
static struct labelled **bucket_of(struct gw_metric_labels *labels, const char *text)
{
    return &labels->buckets[gw_hash(gw_hash_process_key(), gw_str_of(text)) & (BUCKET_COUNT - 1)];
}

static struct labelled *find(struct gw_metric_labels *labels, const struct gw_metric *base,
                             const char *text)
{
    struct labelled *entry = *bucket_of(labels, text);

    while (entry != NULL && (entry->base != base || strcmp(entry->text, text) != 0))
        entry = entry->next;
    return entry;
}

static struct labelled *add(struct gw_metric_labels *labels, const struct gw_metric *base,
                            const char *text)
{
    size_t size = strlen(text) + 1;
    struct labelled *entry =
        labels->count == GW_METRIC_LABELS_MAX ? NULL : malloc(sizeof(*entry) + size);

    if (entry == NULL)
        return NULL;
    memcpy(entry->text, text, size);
    entry->base = base;
    entry->metric = *base;
    entry->metric.labels = entry->text;
    struct labelled **bucket = bucket_of(labels, text);
    entry->next = *bucket;
    *bucket = entry;
    labels->count++;
    return entry;
}

const struct gw_metric *gw_metric_labels_get(struct gw_metric_labels *labels,
                                             const struct gw_metric *base, const char *text)
{
    pthread_mutex_lock(&labels->lock);
    struct labelled *entry = find(labels, base, text);
    if (entry == NULL)
        entry = add(labels, base, text);
    pthread_mutex_unlock(&labels->lock);
    return entry == NULL ? NULL : &entry->metric;
}
