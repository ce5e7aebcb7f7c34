/* The functions, one group a file. Private to connector/tryton. */
#pragma once

#include "server/connector/tryton/arguments.h"
#include "server/connector/tryton/task.h"

struct tryton;

/* records.c */
void tryton_begin_search_read(void *self, struct gw_connector_call *call);
void tryton_begin_count(void *self, struct gw_connector_call *call);
void tryton_begin_read(void *self, struct gw_connector_call *call);
void tryton_begin_create(void *self, struct gw_connector_call *call);
void tryton_begin_write(void *self, struct gw_connector_call *call);
void tryton_begin_delete(void *self, struct gw_connector_call *call);

/* method.c */
void tryton_begin_call(void *self, struct gw_connector_call *call);
void tryton_begin_query(void *self, struct gw_connector_call *call);
void tryton_begin_button(void *self, struct gw_connector_call *call);

/* wizard.c */
void tryton_begin_wizard(void *self, struct gw_connector_call *call);

/* effect.c: of what class a write is with these arguments, as the table of functions asks for it.
 */
enum gw_effect_class tryton_effect_of_create(const struct gw_value *arguments);
enum gw_effect_class tryton_effect_of_write(const struct gw_value *arguments);
enum gw_effect_class tryton_effect_of_button(const struct gw_value *arguments);
enum gw_effect_class tryton_classify_create(void *self, const struct gw_value *arguments);
enum gw_effect_class tryton_classify_write(void *self, const struct gw_value *arguments);
enum gw_effect_class tryton_classify_button(void *self, const struct gw_value *arguments);

/* What `lookup` of a creation finds: the ids. */
void tryton_look_up_created(void *self, struct gw_connector_call *call);
/* The parameters of that search; false: the call has failed. */
bool tryton_read_lookup(struct gw_connector_call *call, struct gw_str *out_parameters);

/* missing.c: fails with `failure`, or NOT_FOUND where the reason is that not all of the records are
 * there: Tryton says both in one way, in the user's language. `ids` lie in the call's arena. */
void tryton_fail_or_missing(struct tryton_task *task, const struct gw_connector_failure *failure,
                            const struct tryton_ids *ids);
