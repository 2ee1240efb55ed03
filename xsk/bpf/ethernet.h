/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ethernet addresses and types of a frame. */
#pragma once

#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "rules.h"

#define ARP_LEN 28 /* RFC 826, Ethernet and IPv4 */

/* Destination and type in one load each: struct ethhdr is packed, and its fields
 * would be read byte by byte. */
static __always_inline mac_t destination(const struct ethhdr *eth)
{
	return *(const __u64 *)eth & MAC_MASK;
}

static __always_inline mac_t source(const struct ethhdr *eth)
{
	return *(const __u64 *)((const void *)eth + ETH_ALEN) & MAC_MASK;
}

static __always_inline __be16 ethertype(const struct ethhdr *eth)
{
	return *(const __be16 *)((const void *)eth + 2 * ETH_ALEN);
}

static __always_inline int is_vmac(mac_t dst)
{
	for (__u32 i = 0; i < MAX_VIPS && i < conf.vips; i++)
		if (dst == conf.vmacs[i] || (conf.formers && conf.former[i] && dst == conf.former[i]))
			return 1;
	return 0;
}

/* Whether a frame with a VIP's packet was sent to this machine. */
static __always_inline int is_for_us(const struct ethhdr *eth, __u32 vip)
{
	const mac_t dst = destination(eth);

	vip = bounded(vip, MAX_VIPS);
	return dst == conf.vmacs[vip] || dst == conf.nic || (conf.formers && conf.former[vip] && dst == conf.former[vip]);
}
