/* The functions of the connector: how each begins. Private to connector/odata; their arguments and
 * results are docs/connectors/odata.md's. */
#pragma once

struct gw_connector_call;
struct odata_run;

void odata_list_begin(void *self, struct gw_connector_call *call);
void odata_read_begin(void *self, struct gw_connector_call *call);
void odata_function_begin(void *self, struct gw_connector_call *call);
void odata_create_begin(void *self, struct gw_connector_call *call);
void odata_create_look_up(void *self, struct gw_connector_call *call);
void odata_update_begin(void *self, struct gw_connector_call *call);
void odata_delete_begin(void *self, struct gw_connector_call *call);
void odata_action_begin(void *self, struct gw_connector_call *call);
void odata_batch_begin(void *self, struct gw_connector_call *call);
