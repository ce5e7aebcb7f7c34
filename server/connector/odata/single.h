/* The end of a call whose one answer is its result. Private to connector/odata. */
#pragma once

#include "server/connector/odata/answer.h"
#include "server/connector/odata/run.h"

/* Ends the call with what the answer to run->request says: an entity with its "@etag", or what an
 * operation returns; an entity of which nothing came back is {} with, where known, its "@etag". */
void odata_single_finish(struct odata_run *run, const struct odata_reply *reply);
