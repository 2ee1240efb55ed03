/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The short way of what most packets are: plain IPv4 of a rule, from a client whose
 * bucket is settled. It comes to what judge.h comes to, or to nothing, and changes
 * nothing.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>

#include "ethernet.h"
#include "flows.h"
#include "fragment.h"
#include "judge.h"
#include "lease.h"
#include "packet.h"
#include "pieces.h"
#include "reason.h"
#include "rules.h"
#include "share.h"

#define PLAIN_HEADER 0x45 /* version 4, without options */

/* Whether a packet is whole, and has so many bytes at least. */
static __always_inline int is_plain(struct xdp_md *ctx, const struct iphdr *ip, const void *end, __u32 least)
{
	const __u32 total = bpf_ntohs(ip->tot_len);

	return *(const __u8 *)ip == PLAIN_HEADER && !(ip->frag_off & bpf_htons(IP_FRAGMENT)) && total >= least &&
	       total <= rest_of_frame(ctx, ip, end) && !martian4(ip->saddr, ip->daddr);
}

/* How a rule's packets over IPv4 are hashed, as one number: the first fields of struct hashed. */
static __always_inline __u64 how_hashed(__u32 rule)
{
	return *(const volatile __u64 *)&conf.hashed[bounded(rule, MAX_RULES)];
}

/* The verdict by the bucket alone. */
static __always_inline enum reason by_bucket(__u32 rule, __u16 bucket, int opening)
{
	const struct part *part = part_of(rule);

	if (!part || is_unsettled(part, bucket))
		return OTHER;
	if (!is_mine(part, bucket))
		return NOT_MINE;
	return conf.offload == OFFLOAD_FULL && !opening && lease_coarse() ? ACCEPTED : OTHER;
}

/*
 * NOT_MINE, ACCEPTED, or OTHER where the long way must be gone. A packet is hashed as
 * those of the first rule are, before its own is known: neither then waits for the
 * other. One of a rule that hashes otherwise is hashed anew.
 */
static __always_inline enum reason settled4(struct xdp_md *ctx, const struct iphdr *ip, const void *end, __u32 vip)
{
	const struct ports *ports = (const void *)(ip + 1);
	const struct packet p = {.ip = ip, .l4 = ports};
	const volatile struct classes *classes = &conf.udp;
	__u32 rule, least = sizeof(*ip) + UDP_LEN;
	int opening = 0;
	__u16 bucket;

	if (conf.offload == OFFLOAD_NONE || (conf.relays && conf.directed[bounded(vip, MAX_VIPS)]) ||
	    (const void *)ports + UDP_LEN > end)
		return OTHER;
	bucket = packet_bucket(&p, ports->src, 0);
	if (ip->protocol == IPPROTO_TCP) {
		if ((const void *)ports + TCP_MIN_LEN > end)
			return OTHER;
		least = sizeof(*ip) + TCP_MIN_LEN;
		classes = &conf.tcp;
		opening = opens(ports);
	} else if (ip->protocol != IPPROTO_UDP) {
		return OTHER;
	}
	if (!is_plain(ctx, ip, end, least) || !ports->src || !ports->dst)
		return OTHER;
	rule = rule_of(classes, vip, ports->dst);
	if (rule >= MAX_RULES)
		return OTHER;
	if (how_hashed(rule) != how_hashed(0))
		bucket = packet_bucket(&p, ports->src, rule);
	return by_bucket(rule, bucket, opening);
}
