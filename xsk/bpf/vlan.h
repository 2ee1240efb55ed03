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
#include "rules.h"

#define VLAN_ID 0x0fff

struct tag {
	__be16 control;
	__be16 type; /* of what the frame carries */
};

static __always_inline const struct tag *tag_of(const struct ethhdr *eth)
{
	return (const void *)(eth + 1);
}

/* Whether a tagged frame has a priority alone, and is one that the farm decides
 * about: for a VIP, sent to a VMAC, or a client's ARP. */
static __always_inline int has_priority_tag(const struct ethhdr *eth, const void *end)
{
	const struct tag *tag = tag_of(eth);
	const struct iphdr *ip = (const void *)(tag + 1);
	const mac_t dst = destination(eth);
	__u32 vip;

	if ((const void *)(tag + 1) > end || tag->control & bpf_htons(VLAN_ID))
		return 0;
	if (tag->type == bpf_htons(ETH_P_ARP))
		return (const void *)(tag + 1) + ARP_LEN <= end && is_vmac(dst);
	if (tag->type != bpf_htons(ETH_P_IP))
		return 0;
	if ((const void *)(ip + 1) > end)
		return dst != conf.nic && is_vmac(dst);
	vip = vip_of(ip->daddr);
	if (vip >= MAX_VIPS)
		return dst != conf.nic && is_vmac(dst);
	return dst == conf.vmacs[vip] || dst == conf.nic;
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
