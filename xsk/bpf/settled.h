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
#include "hash.h"
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

/* The verdict by the bucket alone. */
static __always_inline enum reason by_bucket(const struct part *part, __u16 bucket, int opening)
{
	if (is_unsettled(part, bucket))
		return OTHER;
	if (!is_mine(part, bucket))
		return NOT_MINE;
	return conf.offload == OFFLOAD_FULL && !opening && lease_coarse() ? ACCEPTED : OTHER;
}

/*
 * NOT_MINE, ACCEPTED, or OTHER where the long way must be gone. The part is looked up
 * before the client is hashed: nothing of the hash need then be kept over that call.
 */
static __always_inline enum reason settled4(struct xdp_md *ctx, const struct iphdr *ip, const void *end, __u32 vip)
{
	const struct ports *ports = (const void *)(ip + 1);
	const volatile struct classes *classes = &conf.udp;
	const struct part *part;
	__u32 rule, least = sizeof(*ip) + UDP_LEN;
	int opening = 0;

	if (conf.offload == OFFLOAD_NONE || (conf.relays && conf.directed[bounded(vip, MAX_VIPS)]) ||
	    (const void *)ports + UDP_LEN > end)
		return OTHER;
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
	part = part_of(rule);
	if (!part)
		return OTHER;
	return by_bucket(part, rule_bucket4(ip, ports->src, rule), opening);
}
