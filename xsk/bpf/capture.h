/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Copies of frames with what the program made of them, for whoever looks. The
 * daemon grants so many at a time (xsk.Capture): without a grant, and once it is
 * used up, a frame costs a load and a branch that is not taken. So the rate has its
 * bound here, also when the daemon hangs.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "extensions.h"
#include "flows.h"
#include "fragment.h"
#include "maps.h"
#include "packet.h"
#include "pieces.h"
#include "reason.h"
#include "rules.h"

#define SAMPLE_LEN 2048 /* bytes of a frame; the rest of a longer one is left out */

/* How many copies may still be made. */
volatile __s32 capture_grant;

/* How many had no room in the ring. */
volatile __u64 capture_lost;

/* Which frames are copied. Written while there is no grant. */
struct capture_filter {
	__u64 reasons;	 /* bit by reason */
	__u64 client[2]; /* the halves of the senders' network, as IPv6 has it */
	__u64 mask[2];	 /* 0: of any sender, and of none */
	__u32 rule;	 /* its number; RULE_NONE: of any, and of none */
	__u32 unused;
};

volatile struct capture_filter capture_filter;

/* What a reader gets: xsk.parseSample. */
struct sample {
	__u64 time;   /* ns of CLOCK_BOOTTIME */
	__u32 length; /* of the frame */
	__u16 queue;
	__u8 reason;
	__u8 unused;
	__u8 data[SAMPLE_LEN];
};

/* The reader's ring, in a map of maps so that it takes memory only while somebody
 * reads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_RINGBUF);
		__uint(max_entries, 4096);
	});
} capture_ring SEC(".maps");

static __always_inline int from_wanted_client(const struct packet *p)
{
	__be32 client[4];

	if (!(capture_filter.mask[0] | capture_filter.mask[1]))
		return 1;
	source_of(p, client);
	return (((__u64)client[1] << 32 | client[0]) & capture_filter.mask[0]) == capture_filter.client[0] &&
	       (((__u64)client[3] << 32 | client[2]) & capture_filter.mask[1]) == capture_filter.client[1];
}

static __always_inline int of_wanted_rule(const struct packet *p, __u32 vip)
{
	const struct ports *ports = p->l4;

	if (capture_filter.rule == RULE_NONE)
		return 1;
	if (vip >= MAX_VIPS || !has(p, sizeof(*ports)) || (!p->six && later_fragment(ipv4_of(p))))
		return 0;
	if (p->protocol == IPPROTO_TCP)
		return rule_of(&conf.tcp, vip, ports->dst) == capture_filter.rule;
	return p->protocol == IPPROTO_UDP && rule_of(&conf.udp, vip, ports->dst) == capture_filter.rule;
}

static __always_inline int filtered4(struct xdp_md *ctx)
{
	const struct iphdr *ip = (void *)(long)ctx->data + ETH_HLEN;
	const void *end = (void *)(long)ctx->data_end;
	struct packet p;

	if ((const void *)(ip + 1) > end)
		return 0;
	p = packet4(ctx, ip, end);
	return from_wanted_client(&p) && of_wanted_rule(&p, vip_of(ip->daddr));
}

static __always_inline int filtered6(struct xdp_md *ctx)
{
	const struct ipv6hdr *ip = (void *)(long)ctx->data + ETH_HLEN;
	const void *end = (void *)(long)ctx->data_end;
	struct packet p;

	if ((const void *)(ip + 1) > end)
		return 0;
	p = packet6(ctx, ip, end);
	return from_wanted_client(&p) && of_wanted_rule(&p, vip_of6(&ip->daddr));
}

/* Whether the filter wants a frame. It may want too much of what no rule can be
 * for: the reader looks again. */
static __always_inline int is_wanted(struct xdp_md *ctx, __u32 reason)
{
	const struct ethhdr *eth = (void *)(long)ctx->data;

	if (!(capture_filter.reasons >> (reason & 63) & 1) || (const void *)(eth + 1) > (void *)(long)ctx->data_end)
		return 0;
	if (capture_filter.rule == RULE_NONE && !(capture_filter.mask[0] | capture_filter.mask[1]))
		return 1;
	switch (eth->h_proto) {
	case bpf_htons(ETH_P_IP):
		return filtered4(ctx);
	case bpf_htons(ETH_P_IPV6):
		return filtered6(ctx);
	}
	return 0;
}

static __always_inline void copy_frame(struct xdp_md *ctx, __u32 reason)
{
	long length = rest_of_frame(ctx, (void *)(long)ctx->data, (void *)(long)ctx->data_end);
	__u32 key = 0, copied;
	void *ring = bpf_map_lookup_elem(&capture_ring, &key);
	struct sample *s;

	barrier_var(length); /* or the compiler takes the halves of pointers */
	if (!ring)
		return;
	s = bpf_ringbuf_reserve(ring, sizeof(*s), 0);
	if (!s) {
		__sync_fetch_and_add(&capture_lost, 1);
		return;
	}
	s->time = bpf_ktime_get_boot_ns();
	s->length = length;
	s->queue = ctx->rx_queue_index;
	s->reason = reason;
	s->unused = 0;
	copied = length;
	if (copied > SAMPLE_LEN)
		copied = SAMPLE_LEN;
	/* Frames have a header at least, and the verifier must see it. */
	if (copied < ETH_HLEN || bpf_xdp_load_bytes(ctx, 0, s->data, copied)) {
		bpf_ringbuf_discard(s, BPF_RB_NO_WAKEUP);
		return;
	}
	/* The reader looks by itself: to wake it would cost more than the copy. */
	bpf_ringbuf_submit(s, BPF_RB_NO_WAKEUP);
}

/* A function of its own, which the verifier goes through once and by itself. */
__attribute__((noinline)) int capture(struct xdp_md *ctx, __u32 reason)
{
	if (!is_wanted(ctx, reason) || __sync_fetch_and_sub(&capture_grant, 1) <= 0)
		return 0;
	copy_frame(ctx, reason);
	return 0;
}

/* Counts a frame that the program disposes of by itself, before it changes it. */
static __always_inline void dispose(struct xdp_md *ctx, enum reason reason)
{
	if (__builtin_expect(capture_grant > 0, 0))
		capture(ctx, reason);
	count(reason);
}
