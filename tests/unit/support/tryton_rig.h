/* The Tryton connector at a real Tryton with the plant of tests/rigs/tryton. */
#pragma once

#include "connector_rig.h"
#include "server/core/attr.h"
#include "tryton_server.h"

struct tryton_rig {
    struct tryton_server server; /* started and stopped by the test */
    struct connector_rig connector;
    struct connector_outcome outcome; /* of the last call */
};

void tryton_rig_open(struct tryton_rig *rig, const char *options);
void tryton_rig_close(struct tryton_rig *rig);

/* Asserts that it went well; the result, as JSON text, until the next call. */
GW_PRINTF(3, 4)
const char *tryton_ask(struct tryton_rig *rig, const char *function, const char *format, ...);
/* The same where the result is the id of what was made. */
long tryton_ask_id(struct tryton_rig *rig, const char *function, const char *arguments);
void tryton_refuses(struct tryton_rig *rig, const char *function, const char *arguments,
                    enum gw_connector_error error, const char *code);
void tryton_has(const char *text, const char *part);

/* Of a product by its code; of the first record of a model that a domain (JSON) finds. */
long tryton_product_id(struct tryton_rig *rig, const char *code);
long tryton_first_id(struct tryton_rig *rig, const char *model, const char *domain);
/* A draft purchase of 10 of a product, by a reference of ours; its id. */
long tryton_create_purchase(struct tryton_rig *rig, const char *code, const char *reference);
/* Records the machine time of each work of a production, which ends it. */
void tryton_finish_works(struct tryton_rig *rig, long production);
