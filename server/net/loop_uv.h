/* The libuv loop behind a gw_loop; for server/net only. */
#pragma once

struct gw_loop;
struct uv_loop_s;

struct uv_loop_s *gw_loop_uv(struct gw_loop *loop);

/* Around every request that libuv works on by itself, so that destroy can wait for it. */
void gw_loop_request_begins(struct gw_loop *loop);
void gw_loop_request_ends(struct gw_loop *loop);
