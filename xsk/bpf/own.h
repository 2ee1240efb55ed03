/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Packets under no rule: of connections that this machine has, and what the
 * default says of all others. Package pipeline's fallback.go, step by step.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

#include "flows.h"
#include "lease.h"
#include "reason.h"
#include "rules.h"
#include "share.h"

#define SINGLE_BUCKET 0 /* of ECHO_RULE: its owner takes all where the default is single */

/* A UDP socket that is connected to the packet's sender: any other would answer
 * whoever asks. */
static __always_inline enum flow state_of_udp(const struct bpf_sock *sk, const struct iphdr *ip, const struct ports *ports)
{
	return sk->dst_ip4 == ip->saddr && sk->dst_port == ports->src ? FLOW_KNOWN : FLOW_NONE;
}

static __always_inline enum flow flow_of_udp(struct xdp_md *ctx, const struct iphdr *ip, const struct ports *ports)
{
	struct bpf_sock_tuple tuple = {.ipv4 = {ip->saddr, ip->daddr, ports->src, ports->dst}};
	struct bpf_sock *sk;
	enum flow flow;

	if (conf.test_flows)
		return test_flow(ip, ports) & 0xff;
	sk = bpf_sk_lookup_udp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return FLOW_NONE;
	flow = state_of_udp(sk, ip, ports);
	bpf_sk_release(sk);
	return flow;
}

/* The same of a packet that is in an sk_buff. */
static __always_inline enum flow flow_of_udp_skb(struct __sk_buff *skb, const struct iphdr *ip, const struct ports *ports)
{
	struct bpf_sock_tuple tuple = {.ipv4 = {ip->saddr, ip->daddr, ports->src, ports->dst}};
	struct bpf_sock *sk;
	enum flow flow;

	if (conf.test_flows)
		return test_flow(ip, ports) & 0xff;
	sk = bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return FLOW_NONE;
	flow = state_of_udp(sk, ip, ports);
	bpf_sk_release(sk);
	return flow;
}

/* What the default says of a packet; denied is the reason where that is deny. */
static __always_inline enum reason judge_default(enum reason denied)
{
	const struct part *part;

	switch (conf.unruled) {
	case DEFAULT_PASS:
		return ACCEPTED_DEFAULT;
	case DEFAULT_SINGLE:
		part = part_of(ECHO_RULE);
		if (!part)
			return NOT_SERVING;
		if (!is_mine(part, SINGLE_BUCKET))
			return NOT_MINE;
		return lease_coarse() ? ACCEPTED_DEFAULT : FENCED;
	}
	return denied;
}

/* opening: whether it is a TCP packet that opens a flow. */
static __always_inline enum reason judge_no_rule(struct xdp_md *ctx, const struct iphdr *ip, const void *l4, int tcp,
						 int opening)
{
	enum flow flow;

	if (tcp && opening)
		return judge_default(NO_RULE);
	flow = tcp ? flow_of(ctx, ip, l4) : flow_of_udp(ctx, ip, l4);
	if (known(flow))
		return ACCEPTED_OWN;
	return tcp ? NO_RULE : judge_default(NO_RULE);
}
