/* The spool in a real file: order, bounds, what is told of gaps, restarts, a full disk. */
#include "server/event/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "server/net/gzip.h"
#include "tests/unit/support/database_rig.h"

static const char *const schemas[] = {gw_spool_schema, NULL};
static struct database_rig rig;
static struct gw_spool *spool;
static struct gw_spool_config config;
static unsigned ends;
static int last_rc;
static bool last_repeated;
static char last_place[160];

static void begin(void)
{
    struct gw_error error = {.text = ""};

    config.database = rig.database;
    if (gw_spool_create(&config, &spool, &error) != 0)
        fail_msg("%s", error.text);
}

static int set_up(void **state)
{
    (void)state;
    ends = 0;
    config = (struct gw_spool_config){.max_bytes = 1 << 20, .max_events = 1000};
    database_rig_init(&rig, schemas);
    begin();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_spool_destroy(spool);
    database_rig_finish(&rig);
    return 0;
}

static void restart(void)
{
    gw_spool_destroy(spool);
    database_rig_reopen(&rig, schemas);
    begin();
}

static void on_done(struct gw_event_append *append, int rc, struct gw_str place, bool is_repeated)
{
    (void)append;
    ends++;
    last_rc = rc;
    last_repeated = is_repeated;
    snprintf(last_place, sizeof(last_place), "%.*s", GW_STR_ARG(place));
}

static void append(const char *id)
{
    const struct gw_event event = {.id = gw_str_of(id),
                                   .source = GW_STR("/plants/1010"),
                                   .type = GW_STR("test.v1"),
                                   .data = GW_STR("{}")};
    struct gw_event_append one = {.event = &event, .done = on_done};
    unsigned before = ends;

    assert_int_equal(gw_spool_append(spool, &one), 0);
    database_rig_await(&rig, &ends, before + 1);
}

static void append_many(unsigned from, unsigned to)
{
    char id[16];

    for (unsigned i = from; i <= to; i++) {
        snprintf(id, sizeof(id), "e%u", i);
        append(id);
    }
}

static unsigned reads;

static void on_batch(struct gw_spool_batch *batch, int rc)
{
    (void)batch;
    reads++;
    assert_int_equal(rc, 0);
}

/* What the batch says, unpacked; "" if there is nothing. */
static struct gw_str read_batch(struct gw_spool_batch *batch, struct gw_buf *lines, size_t count)
{
    unsigned before = reads;

    batch->done = on_batch;
    assert_int_equal(gw_spool_read(spool, batch, count, 1 << 20), 0);
    database_rig_await(&rig, &reads, before + 1);
    gw_buf_clear(lines);
    if (batch->last > 0)
        assert_int_equal(gw_gunzip(gw_buf_str(&batch->bytes), lines), 0);
    gw_buf_append_byte(lines, '\0');
    return gw_buf_str(lines);
}

static unsigned acknowledged;

static void on_acknowledged(void *self, int rc)
{
    (void)self;
    acknowledged++;
    assert_int_equal(rc, 0);
}

static void acknowledge(const char *epoch, uint64_t sequence, bool is_loss)
{
    unsigned before = acknowledged;

    assert_int_equal(
        gw_spool_acknowledge(spool, gw_str_of(epoch), sequence, is_loss, on_acknowledged, NULL), 0);
    database_rig_await(&rig, &acknowledged, before + 1);
}

#define LINE(sequence, id)                                                        \
    "{\"sequence\":" #sequence ",\"event\":{\"specversion\":\"1.0\",\"id\":\"" id \
    "\",\"source\":\"/plants/1010\",\"type\":\"test.v1\",\"data\":{}}}\n"

struct reader {
    struct gw_spool_batch batch;
    struct gw_buf lines;
};

static void reader_init(struct reader *reader)
{
    gw_spool_batch_init(&reader->batch);
    gw_buf_init(&reader->lines, 1 << 20);
}

static void reader_finish(struct reader *reader)
{
    gw_spool_batch_finish(&reader->batch);
    gw_buf_finish(&reader->lines);
}

static void assert_next(struct reader *reader, size_t count, const char *expected)
{
    assert_string_equal(read_batch(&reader->batch, &reader->lines, count).ptr, expected);
}

static void events_wait_in_order_until_they_are_acknowledged(void **state)
{
    struct reader reader;
    struct gw_spool_state now;
    (void)state;

    reader_init(&reader);
    assert_next(&reader, 10, "");
    append("a");
    append("b");
    assert_true(last_place[0] != '\0');
    append("a");
    assert_true(last_repeated);
    assert_next(&reader, 10, LINE(1, "a") LINE(2, "b"));
    assert_next(&reader, 1, LINE(1, "a"));
    acknowledge(reader.batch.epoch, 1, false);
    append("a"); /* it is known even when it is gone */
    assert_next(&reader, 10, LINE(2, "b"));
    gw_spool_get_state(spool, &now);
    assert_int_equal(now.events, 1);
    assert_int_equal(now.acknowledged, 1);
    assert_int_equal(now.repeated, 2);
    acknowledge(reader.batch.epoch, 2, false);
    gw_spool_get_state(spool, &now);
    assert_int_equal(now.events, 0);
    assert_int_equal(now.bytes, 0);
    assert_int_equal(now.oldest_ms, 0);
    reader_finish(&reader);
}

static void an_older_epoch_keeps_its_numbers_and_goes_first(void **state)
{
    struct reader reader;
    char old[GW_SPOOL_EPOCH_BYTES];
    (void)state;

    reader_init(&reader);
    append("a");
    append("b");
    assert_next(&reader, 1, LINE(1, "a"));
    memcpy(old, reader.batch.epoch, sizeof(old));
    acknowledge(old, 1, false);
    restart();
    append("a"); /* computed once more */
    assert_true(last_repeated);
    append("c");
    assert_next(&reader, 10, LINE(2, "b"));
    assert_string_equal(reader.batch.epoch, old);
    acknowledge(old, 2, false);
    assert_next(&reader, 10, LINE(1, "c"));
    assert_string_not_equal(reader.batch.epoch, old);
    acknowledge(old, 2, false); /* one that is forgotten */
    assert_next(&reader, 10, LINE(1, "c"));
    reader_finish(&reader);
}

static void the_oldest_are_dropped_and_the_gap_is_told(void **state)
{
    struct reader reader;
    struct gw_spool_state now;
    (void)state;

    reader_init(&reader);
    config.max_events = 16;
    gw_spool_set_bounds(spool, &config);
    append_many(1, 18); /* two at once make room for two */
    gw_spool_get_state(spool, &now);
    assert_int_equal(now.events, 16);
    assert_int_equal(now.dropped, 2);
    assert_next(&reader, 1, "{\"sequence\":1,\"dropped\":2}\n" LINE(3, "e3"));
    assert_int_equal(reader.batch.first, 1);
    assert_int_equal(reader.batch.last, 3);
    acknowledge(reader.batch.epoch, 3, false);
    assert_next(&reader, 1, LINE(4, "e4"));
    reader_finish(&reader);
}

static void or_the_newest_or_the_spool_refuses(void **state)
{
    struct reader reader;
    struct gw_spool_state now;
    (void)state;

    reader_init(&reader);
    config.max_events = 2;
    config.drop = GW_SPOOL_DROP_NEWEST;
    gw_spool_set_bounds(spool, &config);
    append_many(1, 3);
    assert_int_equal(last_rc, 0);
    assert_string_equal(last_place, "");
    append("e3");
    assert_true(last_repeated); /* it is counted once */
    config.drop = GW_SPOOL_REFUSE;
    gw_spool_set_bounds(spool, &config);
    append("e4");
    assert_int_equal(last_rc, -ENOSPC);
    assert_next(&reader, 10, LINE(1, "e1") LINE(2, "e2"));
    acknowledge(reader.batch.epoch, 2, false);
    append("e4"); /* tried again when there is room */
    assert_int_equal(last_rc, 0);
    assert_next(&reader, 10, LINE(3, "e4"));
    gw_spool_get_state(spool, &now);
    assert_int_equal(now.dropped, 1);
    assert_int_equal(now.refused, 1);
    reader_finish(&reader);
}

static void what_a_centre_has_lost_is_told_as_dropped(void **state)
{
    struct reader reader;
    struct gw_spool_state now;
    (void)state;

    reader_init(&reader);
    append_many(1, 5);
    assert_next(&reader, 4, LINE(1, "e1") LINE(2, "e2") LINE(3, "e3") LINE(4, "e4"));
    acknowledge(reader.batch.epoch, 4, false);
    acknowledge(reader.batch.epoch, 2, true);
    assert_next(&reader, 4, "{\"sequence\":3,\"dropped\":2}\n" LINE(5, "e5"));
    gw_spool_get_state(spool, &now);
    assert_int_equal(now.lost_at_centre, 2);
    reader_finish(&reader);
}

/* As far as a limit of the process stands for a disk: that one is -ENOSPC. */
static void a_file_that_cannot_grow_is_told_and_nothing_half_written(void **state)
{
    struct rlimit before, small;
    struct reader reader;
    (void)state;

    reader_init(&reader);
    append("a");
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    append("b");
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(last_rc, -EIO);
    assert_next(&reader, 10, LINE(1, "a"));
    append("b");
    assert_int_equal(last_rc, 0);
    assert_next(&reader, 10, LINE(1, "a") LINE(2, "b"));
    restart();
    assert_next(&reader, 10, LINE(1, "a") LINE(2, "b"));
    reader_finish(&reader);
}

static void a_damaged_file_is_set_aside(void **state)
{
    struct reader reader;
    char command[256];
    (void)state;

    reader_init(&reader);
    append_many(1, 50);
    gw_spool_destroy(spool);
    gw_database_close(rig.database);
    FILE *file = fopen(rig.path, "r+");
    assert_non_null(file);
    fseek(file, 4096, SEEK_SET);
    for (int i = 0; i < 8192; i++)
        fputc('x', file);
    fclose(file);
    rig.database = NULL;
    database_rig_reopen(&rig, schemas);
    assert_true(gw_database_was_damaged(rig.database));
    begin();
    assert_next(&reader, 10, "");
    snprintf(command, sizeof(command), "ls %s | grep -q '^edge.db.damaged-[0-9]*$'", rig.folder);
    assert_int_equal(system(command), 0);
    reader_finish(&reader);
}

static void a_file_has_one_process(void **state)
{
    const struct gw_database_config second = {
        .loop = rig.loop, .path = rig.path, .schemas = schemas};
    struct gw_database *database = NULL;
    struct gw_error error;
    (void)state;

    assert_int_equal(gw_database_open(&second, &database, &error), -EBUSY);
    append("a");
    assert_int_equal(last_rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_wait_in_order_until_they_are_acknowledged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_older_epoch_keeps_its_numbers_and_goes_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_are_dropped_and_the_gap_is_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(or_the_newest_or_the_spool_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_centre_has_lost_is_told_as_dropped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_grow_is_told_and_nothing_half_written,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_set_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_has_one_process, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
