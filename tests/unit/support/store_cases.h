/* What every store of telemetry must do (server/iot/store.h): the cases, for a test of each. */
#pragma once

#include "server/iot/store.h"

struct gw_loop;

/* What the cases are about; set by the test's own set-up. */
extern struct gw_iot_store *store_cases_store;
extern struct gw_loop *store_cases_loop;

struct store_outcome {
    struct gw_store_call call;
    unsigned ends;
    int rc;
    char checkpoint[64], checkpoint_at[64], appended_at[64], entries[256];
    size_t checkpoint_len;
    uint64_t checkpoint_sum; /* of its bytes and their places */
    size_t entry_count;
};

uint64_t store_cases_claim(struct store_outcome *outcome);
/* Its rc; negative at once or later. */
int store_cases_append(struct store_outcome *outcome, uint64_t epoch, uint64_t sequence,
                       const char *bytes);
int store_cases_checkpoint(struct store_outcome *outcome, uint64_t epoch, const char *position,
                           const char *bytes);
void store_cases_read(struct store_outcome *outcome, const char *position);

void store_the_journal_is_read_behind_the_checkpoint(void **state);
void store_an_old_owner_changes_nothing(void **state);
void store_an_append_that_is_tried_again_stands_once(void **state);
void store_a_long_journal_is_read_in_parts(void **state);
void store_a_large_checkpoint_replaces_the_last_as_a_whole(void **state);
void store_what_is_cancelled_is_not_told(void **state);
