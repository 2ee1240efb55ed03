/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The fence before the stack: what was judged while the lease was good may have
 * waited in a ring since, over a stop of the whole process. Here it is asked
 * again, of the frames that open a flow.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "conntrack.h"
#include "fragment.h"
#include "judge.h"
#include "lease.h"
#include "maps.h"
#include "own.h"

/* The most that is looked at: Ethernet, IPv4 with all options, TCP. */
#define FENCE_LEN (ETH_HLEN + 60 + TCP_MIN_LEN)

/* The first part of a datagram stands for the others: without it, they are
 * nothing. */
static __always_inline int opens_a_flow(const struct ethhdr *eth, const void *end)
{
	const struct iphdr *ip = (const void *)(eth + 1);
	const void *l4;

	if ((const void *)(ip + 1) > end || *(const __be16 *)((const void *)eth + 2 * ETH_ALEN) != bpf_htons(ETH_P_IP))
		return 0;
	if (later_fragment(ip))
		return 0;
	l4 = (const void *)ip + ip->ihl * 4;
	switch (ip->protocol) {
	case IPPROTO_TCP:
		return l4 + TCP_MIN_LEN <= end && opens(l4);
	case IPPROTO_UDP:
		return 1;
	case IPPROTO_ICMP:
		return l4 + ICMP_LEN <= end && *(const __u8 *)l4 == ICMP_ECHO;
	}
	return 0;
}

/* A SYN under a rule whose clients stay with their node is asked about again,
 * and its client remembered. Returns OTHER where the lease alone counts. */
static __always_inline enum reason fence_client(const struct iphdr *ip, const void *end)
{
	const struct tcphdr *tcp = (const void *)ip + ip->ihl * 4;
	const struct part *part;
	struct client_key key;
	__u32 vip, rule;
	__u16 bucket;

	if (ip->protocol != IPPROTO_TCP || (const void *)(tcp + 1) > end)
		return OTHER;
	vip = vip_of(ip->daddr);
	rule = rule_of(&conf.tcp, vip, tcp->dest);
	if (vip >= MAX_VIPS || rule >= MAX_RULES || !conf.sticky[rule])
		return OTHER;
	part = part_of(rule);
	if (!part)
		return OTHER;
	key = client_key(ip->saddr, rule);
	bucket = client_bucket(ip->saddr, 0);
	if (is_mine(part, bucket)) {
		if (!lease_exact())
			return FENCED;
		if (is_sticky(part, bucket) && what_is_learnt(&key) != CLIENT_MINE)
			return STICKY_ELSEWHERE;
		if (whole_header(ip, end))
			remember(&key, BPF_ANY);
		return ACCEPTED;
	}
	if (!is_sticky(part, bucket) || !remembered(&key) || !granted())
		return OTHER;
	if (whole_header(ip, end))
		remember(&key, BPF_EXIST);
	return ACCEPTED_STICKY;
}

/* Whether it is UDP of a rule that forwards, and conntrack has its flow, or of no
 * rule and a socket has it, or every node may have it: then it opens none. */
static __always_inline int goes_on(struct __sk_buff *skb, const struct ethhdr *eth, const void *end)
{
	const struct iphdr *ip = (const void *)(eth + 1);
	const struct ports *ports;
	__u32 vip, rule;

	if ((const void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP)
		return 0;
	ports = (const void *)ip + ip->ihl * 4;
	vip = vip_of(ip->daddr);
	if ((const void *)(ports + 1) > end || vip >= MAX_VIPS)
		return 0;
	rule = rule_of(&conf.udp, vip, ports->dst);
	if (rule >= MAX_RULES)
		return conf.unruled == DEFAULT_PASS || known(flow_of_udp_skb(skb, ip, ports));
	return forwards(rule) && known(entry_of_skb(skb, ip, ports));
}

static __always_inline int fence_frame(struct __sk_buff *skb)
{
	const struct ethhdr *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	enum reason reason = OTHER;
	__u32 length = skb->len < FENCE_LEN ? skb->len : FENCE_LEN;

	/* Frames from an AF_XDP socket lie in one piece, but need not for ever. */
	if ((const void *)eth + length > end) {
		if (bpf_skb_pull_data(skb, length))
			return TC_ACT_SHOT;
		eth = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
	}
	if ((const void *)(eth + 1) > end || !opens_a_flow(eth, end))
		return TC_ACT_UNSPEC;
	if ((const void *)(eth + 1) + sizeof(struct iphdr) <= end)
		reason = fence_client((const void *)(eth + 1), end);
	if (reason == OTHER && !lease_exact() && !goes_on(skb, eth, end))
		reason = FENCED;
	if (reason < NOT_MINE)
		return TC_ACT_UNSPEC;
	count(reason);
	return TC_ACT_SHOT;
}
