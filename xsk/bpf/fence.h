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
#include "extensions.h"
#include "fragment.h"
#include "judge.h"
#include "lease.h"
#include "maps.h"
#include "own.h"
#include "packet.h"

/* The first part of a datagram stands for the others: without it, they are
 * nothing. */
static __always_inline int opens_a_flow(const struct packet *p)
{
	if (!p->six && later_fragment(ipv4_of(p)))
		return 0;
	switch (p->protocol) {
	case IPPROTO_TCP:
		return has(p, TCP_MIN_LEN) && opens(p->l4);
	case IPPROTO_UDP:
		return 1;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return has(p, ICMP_LEN) && is_echo(p, *(const __u8 *)p->l4);
	}
	return 0;
}

/* A SYN under a rule whose clients stay with their node is asked about again,
 * and its client remembered. Returns OTHER where the lease alone counts. */
static __always_inline enum reason fence_client(const struct packet *p)
{
	const struct ports *ports = p->l4;
	const struct part *part;
	struct client_key key;
	__u16 bucket;
	__u32 rule;

	if (p->protocol != IPPROTO_TCP || !has(p, TCP_MIN_LEN))
		return OTHER;
	rule = rule_of(&conf.tcp, p->vip, ports->dst);
	if (p->vip >= MAX_VIPS || rule >= MAX_RULES || !conf.sticky[bounded(rule, MAX_RULES)])
		return OTHER;
	part = part_of(rule);
	if (!part)
		return OTHER;
	key = client_key(p, rule);
	bucket = packet_bucket(p, ports->src, rule);
	if (is_mine(part, bucket)) {
		if (!lease_exact())
			return FENCED;
		if (is_sticky(part, bucket) && what_is_learnt(&key) != CLIENT_MINE)
			return STICKY_ELSEWHERE;
		if (whole_header(p))
			remember(&key, BPF_ANY);
		return ACCEPTED;
	}
	if (!is_sticky(part, bucket) || !remembered(&key) || !granted())
		return OTHER;
	if (whole_header(p))
		remember(&key, BPF_EXIST);
	return ACCEPTED_STICKY;
}

/* Whether the lease does not count: it is under no rule, and every node may have it,
 * or it opens no flow: UDP of a rule that forwards, and conntrack has its flow, or of
 * no rule, and a socket has it. */
static __always_inline int goes_on(struct __sk_buff *skb, const struct packet *p)
{
	const struct ports *ports = p->l4;
	__u32 rule;

	if (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP)
		return 0;
	if (!has(p, sizeof(*ports)) || p->vip >= MAX_VIPS)
		return 0;
	if (p->protocol == IPPROTO_TCP)
		return conf.unruled == DEFAULT_PASS && rule_of(&conf.tcp, p->vip, ports->dst) == RULE_NONE;
	rule = rule_of(&conf.udp, p->vip, ports->dst);
	if (rule >= MAX_RULES)
		return conf.unruled == DEFAULT_PASS || known(flow_of_udp(skb, p));
	return forwards(rule) && known(entry_of_skb(skb, p));
}

static __always_inline int fence_packet(struct __sk_buff *skb, const struct packet *p)
{
	enum reason reason;

	if (!opens_a_flow(p))
		return TC_ACT_UNSPEC;
	reason = fence_client(p);
	if (reason == OTHER && !lease_exact() && !goes_on(skb, p))
		reason = FENCED;
	if (reason < NOT_MINE) {
		count_opening(p);
		return TC_ACT_UNSPEC;
	}
	count(reason);
	return TC_ACT_SHOT;
}

static __always_inline int fence4(struct __sk_buff *skb, const struct iphdr *ip, const void *end)
{
	struct packet p;

	if ((const void *)(ip + 1) > end)
		return TC_ACT_UNSPEC;
	p = packet4(NULL, ip, end);
	p.vip = vip_of(ip->daddr);
	return fence_packet(skb, &p);
}

static __noinline int fence6(struct __sk_buff *skb)
{
	const struct ipv6hdr *ip = (void *)(long)skb->data + ETH_HLEN;
	const void *end = (void *)(long)skb->data_end;
	struct packet p;

	if ((const void *)(ip + 1) > end)
		return TC_ACT_UNSPEC;
	p = packet6_of_skb(skb, ip, end);
	p.vip = vip_of6(&ip->daddr);
	return fence_packet(skb, &p);
}

static __always_inline int fence_frame(struct __sk_buff *skb)
{
	const struct ethhdr *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;

	/* Frames from an AF_XDP socket lie in one piece, but need not for ever. */
	if (end - (const void *)eth < skb->len) {
		if (bpf_skb_pull_data(skb, skb->len))
			return TC_ACT_SHOT;
		eth = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
	}
	if ((const void *)(eth + 1) > end)
		return TC_ACT_UNSPEC;
	switch (*(const __be16 *)((const void *)eth + 2 * ETH_ALEN)) {
	case bpf_htons(ETH_P_IP):
		return fence4(skb, (const void *)(eth + 1), end);
	case bpf_htons(ETH_P_IPV6):
		return fence6(skb);
	}
	return TC_ACT_UNSPEC;
}
