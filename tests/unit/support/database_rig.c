#include "tests/unit/support/database_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"

static void open_database(struct database_rig *rig, const char *const *schemas)
{
    const struct gw_database_config config = {
        .loop = rig->loop, .path = rig->path, .schemas = schemas};
    struct gw_error error = {.text = ""};

    if (gw_database_open(&config, &rig->database, &error) != 0)
        fail_msg("%s", error.text);
}

void database_rig_init(struct database_rig *rig, const char *const *schemas)
{
    struct gw_error error;

    *rig = (struct database_rig){.folder = "/tmp/millgate-database-XXXXXX"};
    assert_non_null(mkdtemp(rig->folder));
    snprintf(rig->path, sizeof(rig->path), "%s/edge.db", rig->folder);
    assert_int_equal(gw_loop_create(&rig->loop, &error), 0);
    open_database(rig, schemas);
}

void database_rig_finish(struct database_rig *rig)
{
    char command[128];

    gw_database_close(rig->database);
    gw_loop_destroy(rig->loop);
    snprintf(command, sizeof(command), "rm -r %s", rig->folder);
    assert_int_equal(system(command), 0);
}

void database_rig_reopen(struct database_rig *rig, const char *const *schemas)
{
    gw_database_close(rig->database);
    rig->database = NULL;
    open_database(rig, schemas);
}

void database_rig_await(struct database_rig *rig, const unsigned *counter, unsigned wanted)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (*counter < wanted) {
        gw_loop_turn(rig->loop, 10);
        if (gw_clock_monotonic_ns() >= until_ns)
            fail_msg("%u of %u in time", *counter, wanted);
    }
    assert_int_equal(*counter, wanted);
}
