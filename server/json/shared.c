#include "server/json/shared.h"

#include <pthread.h>
#include <stdint.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

json_t *gw_json_shared_hold(const json_t *value)
{
    json_t *held = (json_t *)(uintptr_t)value;

    pthread_mutex_lock(&lock);
    json_incref(held);
    pthread_mutex_unlock(&lock);
    return held;
}

void gw_json_shared_release(const json_t *value)
{
    pthread_mutex_lock(&lock);
    json_decref((json_t *)(uintptr_t)value);
    pthread_mutex_unlock(&lock);
}
