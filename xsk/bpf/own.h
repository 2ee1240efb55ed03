/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Packets under no rule: of connections that this machine has, and what the
 * default says of all others. Package pipeline's fallback.go, step by step.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "flows.h"
#include "lease.h"
#include "packet.h"
#include "reason.h"
#include "rules.h"
#include "relay.h"
#include "share.h"

#define SINGLE_BUCKET 0 /* of ECHO_RULE: its owner takes all where the default is single */

/* Whether a UDP socket is connected to the packet's sender: any other would answer
 * whoever asks. */
static __always_inline enum flow state_of_udp(const struct bpf_sock *sk, const struct packet *p)
{
	const struct ports *ports = p->l4;
	__be32 client[4];
	int same;

	if (sk->dst_port != ports->src)
		return FLOW_NONE;
	if (!p->six)
		return sk->dst_ip4 == ipv4_of(p)->saddr ? FLOW_KNOWN : FLOW_NONE;
	source_of(p, client);
	same = sk->dst_ip6[0] == client[0] && sk->dst_ip6[1] == client[1] && sk->dst_ip6[2] == client[2] &&
	       sk->dst_ip6[3] == client[3];
	return same ? FLOW_KNOWN : FLOW_NONE;
}

/* What a socket says of a UDP packet, whose ports are there. ctx is the packet's
 * xdp_md or sk_buff. */
static __always_inline enum flow flow_of_udp(void *ctx, const struct packet *p)
{
	struct bpf_sock_tuple tuple;
	struct bpf_sock *sk;
	enum flow flow;

	if (conf.test_flows)
		return test_flow(p) & 0xff;
	sk = bpf_sk_lookup_udp(ctx, &tuple, set_tuple(&tuple, p), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return FLOW_NONE;
	flow = state_of_udp(sk, p);
	bpf_sk_release(sk);
	return flow;
}

/* What the default says of a packet; denied is the reason where that is deny, opening
 * whether it is a TCP packet that opens a flow. */
static __always_inline enum reason judge_default(const struct packet *p, enum reason denied, int opening)
{
	const struct part *part;

	if (relays(p) && (conf.unruled == DEFAULT_PASS || conf.unruled == DEFAULT_SINGLE))
		return COPIED;
	switch (conf.unruled) {
	case DEFAULT_PASS:
		return ACCEPTED_DEFAULT;
	case DEFAULT_SINGLE:
		part = part_of(ECHO_RULE);
		if (!part)
			return NOT_SERVING;
		if (!is_mine(part, SINGLE_BUCKET))
			return NOT_MINE;
		return (opening ? lease_exact() : lease_coarse()) ? ACCEPTED_DEFAULT : FENCED;
	}
	return denied;
}

/* opening: whether it is a TCP packet that opens a flow. */
static __always_inline enum reason judge_no_rule(const struct packet *p, int tcp, int opening)
{
	enum flow flow;

	if (tcp && opening)
		return judge_default(p, NO_RULE, 1);
	if (relays(p))
		return COPIED; /* another node may have a connection for it */
	flow = tcp ? flow_of(p) : flow_of_udp(p->ctx, p);
	if (known(flow))
		return ACCEPTED_OWN;
	return tcp ? NO_RULE : judge_default(p, NO_RULE, 0);
}
