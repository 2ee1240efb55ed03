/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the program found out about a packet that it hands to a socket: eight
 * bytes of metadata before the packet, package pipeline's Facts. Every TCP packet
 * is looked up, UDP of rules that forward and of none, and what ICMP errors quote, also where the program's own verdict needed no lookup: the
 * reader may judge by a newer share, or when the lease is over.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>

#include "conntrack.h"
#include "flows.h"
#include "judge.h"

#define FACTS_MAGIC	0xfa01 /* the low byte is the version */
#define FACTS_HALF_OPEN 1      /* another node has the handshake half done */
#define FACTS_REMEMBERED 2    /* this node has had the client */
#define FACTS_MINE	 4    /* no other has */
#define FACTS_ELSEWHERE	 8    /* another has */
#define FACTS_UNIT	16     /* time is in 2^16 ns of CLOCK_BOOTTIME */

struct facts {
	__u16 magic;
	__u8 flow;
	__u8 flags;
	__u32 time; /* 0 of packets that open no flow */
};

static __always_inline __u32 facts_time(void)
{
	return bpf_ktime_get_boot_ns() >> FACTS_UNIT;
}

/* What is known of the client of a packet that opens a flow. */
static __always_inline __u8 client_facts(const struct packet *p)
{
	const struct ports *ports = p->l4;
	const __u32 rule = rule_of(&conf.tcp, p->vip, ports->dst);
	__u8 flags = 0;

	if (rule < MAX_RULES && conf.sticky[bounded(rule, MAX_RULES)]) {
		const struct client_key key = client_key(p, rule);
		const enum client client = what_is_learnt(&key);

		if (remembered(&key))
			flags |= FACTS_REMEMBERED;
		if (client == CLIENT_MINE)
			flags |= FACTS_MINE;
		if (client == CLIENT_ELSEWHERE)
			flags |= FACTS_ELSEWHERE;
	}
	return flags;
}

/* Time and half-open handshakes are of use to packets alone that open a flow. The
 * packet's TCP header may be one in name alone: whoever reads the facts checks
 * the packet before it uses them. */
static __always_inline void look_up_tcp(const struct packet *p, struct facts *facts)
{
	const struct ports *ports = p->l4;

	if (!has(p, TCP_MIN_LEN))
		return;
	facts->flow = tcp_flow(p, forwards(rule_of(&conf.tcp, p->vip, ports->dst)));
	if (!opens(p->l4))
		return;
	facts->time = facts_time();
	facts->flags = client_facts(p);
	if (half_open_elsewhere(p))
		facts->flags |= FACTS_HALF_OPEN;
}

static __always_inline void look_up_udp(const struct packet *p, struct facts *facts)
{
	const struct ports *ports = p->l4;

	__u32 rule;

	facts->time = facts_time();
	if (!has(p, sizeof(*ports)))
		return;
	rule = rule_of(&conf.udp, p->vip, ports->dst);
	if (rule >= MAX_RULES)
		facts->flow = flow_of_udp(p->ctx, p);
	if (!forwards(rule))
		return;
	facts->flow = entry(p);
	if (half_open_elsewhere(p))
		facts->flags = FACTS_HALF_OPEN;
}

static __always_inline void look_up_icmp(const struct packet *p, struct facts *facts)
{
	struct quoted q = {};
	__u32 length;

	if (!has(p, ICMP_LEN) || !is_icmp_error(p, *(const __u8 *)p->l4))
		return;
	length = p->six ? payload_length(p) : (__u32)bpf_ntohs(ipv4_of(p)->tot_len) - ipv4_of(p)->ihl * 4;
	if (quotes(p, length, &q))
		facts->flow = flow_of_quoted(p->ctx, &q, forwards(rule_of_quoted(&q, p->vip)));
}

static __always_inline void look_up(const struct packet *p, struct facts *facts)
{
	if (!p->six && later_fragment(ipv4_of(p)))
		return;
	if (p->protocol == IPPROTO_TCP)
		look_up_tcp(p, facts);
	else if (p->protocol == IPPROTO_UDP)
		look_up_udp(p, facts);
	else if (p->protocol == (p->six ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		look_up_icmp(p, facts);
}

/* Writes the metadata. Some drivers have no room for it: the packet is handed
 * over without then, and its reader has to take its flow for unknown, so that
 * there, packets of unsettled buckets and of a fenced node's flows are dropped. */
static __always_inline void add_facts(const struct packet *p)
{
	struct xdp_md *ctx = p->ctx;
	struct facts facts = {.magic = FACTS_MAGIC};
	struct facts *meta;

	look_up(p, &facts);
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(facts)))
		return;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) <= (void *)(long)ctx->data)
		*meta = facts;
}
