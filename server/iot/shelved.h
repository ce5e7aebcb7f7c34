/* Alarms that are shelved: who works on them knows, and nobody else is to be told anew.
 *
 * One hash for each plant, `millgate:iot:{alarms:<plant>}:shelved`: an alarm's id -> "<since ms>
 * <until ms> <who> <reason>". A lane reads those of its registry's plants, each once a second (or
 * one after the other, where there are more than 50), and marks what is raised meanwhile. The
 * lane's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/iot/registry.h"

struct gw_iot_shelved;
struct gw_loop;
struct gw_redis;

#define GW_SHELVED_MAX 1000 /* of a plant */

/* NULL without memory. The registry is only looked at. */
GW_MUST_CHECK
struct gw_iot_shelved *gw_iot_shelved_create(struct gw_loop *loop, struct gw_redis *redis,
                                             const struct gw_registry *registry);
void gw_iot_shelved_destroy(struct gw_iot_shelved *shelved); /* NULL is safe */

/* Another one: what is known of plants that it has, too, stays known. 0 or -ENOMEM: nothing has
 * changed. */
GW_MUST_CHECK
int gw_iot_shelved_set_registry(struct gw_iot_shelved *shelved, const struct gw_registry *registry);

/* As it was read last, at this moment. */
bool gw_iot_shelved_has(const struct gw_iot_shelved *shelved, const struct gw_device_config *device,
                        struct gw_str signal, int64_t now_ms);
