/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * VIPs in mode directed: their packets reach one node, which hands on what is
 * another's. Package pipeline's relay.go, step by step.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "ethernet.h"
#include "packet.h"
#include "reason.h"
#include "rules.h"
#include "share.h"

#define MAX_NODES 64   /* pipeline.MaxNodes */
#define THIS_NODE 0x7e /* pipeline.ThisNode */
#define IN_DOUBT  0x80 /* pipeline.InDoubt */

/* Whose each bucket is: a number of nodes, or THIS_NODE, or unknown; IN_DOUBT where
 * all nodes get copies. */
struct owners {
	__u8 of[BUCKETS];
};

/* For each part of each share; one where no VIP is in mode directed. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct owners);
} owners SEC(".maps");

/* The other nodes' addresses, by share_slot; behind the last is 0. */
volatile mac_t nodes[SHARES][MAX_NODES];

/* The first of the two is a constant to the verifier, so that farms without such
 * VIPs have none of this in their program. */
static __always_inline int relays(const struct packet *p)
{
	return conf.relays && p->relays;
}

/* Whether a frame is another node's, which has handed it on. */
static __always_inline int is_from_farm(mac_t src)
{
	const __u32 share = bounded(share_slot, SHARES);

	if (src == conf.nic)
		return 1;
	for (__u32 i = 0; i < MAX_NODES; i++) {
		mac_t node = nodes[share][i];

		if (!node)
			break;
		if (node == src)
			return 1;
	}
	return 0;
}

/* Whether what is another's of a VIP's frame must be handed on. */
static __always_inline int must_relay(const struct ethhdr *eth, __u32 vip)
{
	return conf.relays && conf.directed[vip % MAX_VIPS] && destination(eth) == conf.nic && !is_from_farm(source(eth));
}

/* The verdict on a packet that belongs to another node, or to nobody knows which;
 * OTHER where this node judges it alone, by its part in the same share. */
static __always_inline enum reason relayed(struct packet *p, __u32 share, __u32 rule, __u16 bucket)
{
	const __u32 key = part_key(share, rule);
	const struct owners *part;
	__u8 owner;

	part = bpf_map_lookup_elem(&owners, &key);
	if (!part)
		return NOT_SERVING;
	owner = part->of[bucket];
	if (owner == THIS_NODE)
		return OTHER;
	if ((owner & ~IN_DOUBT) < MAX_NODES)
		p->to = nodes[bounded(share, SHARES)][owner & (MAX_NODES - 1)];
	return p->to && !(owner & IN_DOUBT) ? FORWARDED : COPIED;
}

/* Sends a frame on, both addresses new: with the client's as its source, switches
 * would learn him where this node is. */
static __always_inline void readdress_to(struct ethhdr *eth, mac_t to)
{
	const mac_t nic = conf.nic;

	*(__u32 *)eth = to;
	*(__u16 *)((void *)eth + 4) = to >> 32;
	*(__u32 *)((void *)eth + ETH_ALEN) = nic;
	*(__u16 *)((void *)eth + ETH_ALEN + 4) = nic >> 32;
}
