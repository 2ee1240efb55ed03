/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Frames that are longer than a page: their headers are in the first piece, which is
 * all that the program reads. A socket takes none in pieces, and none that is longer
 * than a frame of its memory: what it does not take, the program judges alone.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "rules.h"

/* How many bytes of the frame there are from a place in its first piece on. */
static __always_inline __u64 rest_of_frame(struct xdp_md *ctx, const void *from, const void *end)
{
	long length = (long)end - (long)from;

	barrier_var(length); /* or the compiler takes the halves of pointers */
	if (conf.pieces) {
		length = (long)from - (long)ctx->data;
		barrier_var(length);
		return bpf_xdp_get_buff_len(ctx) - length;
	}
	return length;
}

static __always_inline int fits_socket(struct xdp_md *ctx)
{
	long piece = (long)ctx->data_end - (long)ctx->data;

	barrier_var(piece);
	if (conf.pieces && bpf_xdp_get_buff_len(ctx) != (__u64)piece)
		return 0;
	return !conf.socket_frame || piece <= conf.socket_frame;
}
