/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * VLAN tags as the driver leaves them in the frame. A tag with VLAN 0 has a
 * priority alone, and its frame is the untagged network's (IEEE 802.1Q 6.9): it is
 * taken off frames that the farm decides about, so that what follows sees them as
 * all others. Tags of a VLAN, and frames with two tags, are left alone. Package
 * pipeline's vlan.go.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "ethernet.h"
#include "extensions.h"
#include "judge.h"
#include "packet.h"
#include "rules.h"

#define VLAN_ID 0x0fff

struct tag {
	__be16 control;
	__be16 type; /* of what the frame carries */
};

/* Whether a frame was sent to a VMAC that is not the interface's own address too,
 * as it is in mode directed. For no VIP, such a frame is dropped. */
static __always_inline int is_stray(const struct ethhdr *eth)
{
	const mac_t dst = destination(eth);

	return dst != conf.nic && is_vmac(dst);
}

static __always_inline int tagged4(const struct ethhdr *eth, const struct iphdr *ip, const void *end)
{
	__u32 vip;

	if ((const void *)(ip + 1) > end)
		return is_stray(eth);
	vip = vip_of(ip->daddr);
	return vip < MAX_VIPS ? is_for_us(eth, vip) : is_stray(eth);
}

static __always_inline int tagged6(struct xdp_md *ctx, const struct ethhdr *eth, const struct ipv6hdr *ip, const void *end)
{
	struct packet p;
	__u32 vip;

	if ((const void *)(ip + 1) > end)
		return is_stray(eth);
	p = packet6(ctx, ip, end);
	if (is_neighbour(&p))
		return is_stray(eth);
	vip = vip_of6(&ip->daddr);
	return vip < MAX_VIPS ? is_for_us(eth, vip) : is_stray(eth);
}

/* Whether a tagged frame has a priority alone, and is one that the farm decides
 * about: for a VIP, sent to a VMAC, or a client's address resolution. A function of
 * its own, since it is rare. */
static __noinline int has_priority_tag(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (void *)(long)ctx->data;
	const void *end = (void *)(long)ctx->data_end;
	const struct tag *tag = (const void *)(eth + 1);

	if ((const void *)(tag + 1) > end || tag->control & bpf_htons(VLAN_ID))
		return 0;
	switch (tag->type) {
	case bpf_htons(ETH_P_IP):
		return tagged4(eth, (const void *)(tag + 1), end);
	case bpf_htons(ETH_P_IPV6):
		return tagged6(ctx, eth, (const void *)(tag + 1), end);
	case bpf_htons(ETH_P_ARP):
		return (const void *)(tag + 1) + ARP_LEN <= end && is_stray(eth);
	}
	return 0;
}

/* Takes the tag off; returns 0 if that cannot be. */
static __always_inline int untag(struct xdp_md *ctx)
{
	__u64 *addresses = (void *)(long)ctx->data;
	__u64 first;
	__u32 rest;

	if ((void *)addresses + sizeof(struct ethhdr) + sizeof(struct tag) > (void *)(long)ctx->data_end)
		return 0;
	first = *addresses;
	rest = *(__u32 *)(addresses + 1);
	*(__u64 *)((void *)addresses + sizeof(struct tag)) = first;
	*(__u32 *)((void *)addresses + sizeof(struct tag) + sizeof(first)) = rest;
	return !bpf_xdp_adjust_head(ctx, sizeof(struct tag));
}
