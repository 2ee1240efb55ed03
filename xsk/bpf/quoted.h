/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The packet that an ICMP error is about, and whose it is. Package pipeline's
 * quoted.go, step by step.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "conntrack.h"
#include "flows.h"
#include "fragment.h"
#include "hash.h"
#include "packet.h"
#include "rules.h"

#define QUOTED_PORTS 8 /* as much of what it carries as every error quotes */

/* It went from the VIP to the client; here it is turned round, as a packet that
 * the client sends, and as the kernel's look-ups are asked for it. */
struct quoted {
	struct bpf_sock_tuple tuple;
	__u32 protocol;
	int six;
};

static __always_inline __be16 client_port(const struct quoted *q)
{
	return q->six ? q->tuple.ipv6.sport : q->tuple.ipv4.sport;
}

static __always_inline __be16 vip_port(const struct quoted *q)
{
	return q->six ? q->tuple.ipv6.dport : q->tuple.ipv4.dport;
}

static __always_inline __u32 tuple_length(const struct quoted *q)
{
	return q->six ? sizeof(q->tuple.ipv6) : sizeof(q->tuple.ipv4);
}

static __always_inline int quotes4(const struct packet *p, __u32 length, struct quoted *q)
{
	const struct iphdr *inner = p->l4 + ICMP_LEN;
	const struct ports *ports;
	__u32 header;

	if ((const void *)(inner + 1) > p->end)
		return 0;
	header = inner->ihl * 4;
	ports = (const void *)inner + header;
	if (inner->version != 4 || header < sizeof(*inner) || header + QUOTED_PORTS > length || later_fragment(inner) ||
	    inner->saddr != ipv4_of(p)->daddr || (const void *)ports + QUOTED_PORTS > p->end)
		return 0;
	q->protocol = inner->protocol;
	q->tuple.ipv4.saddr = inner->daddr;
	q->tuple.ipv4.daddr = inner->saddr;
	q->tuple.ipv4.sport = ports->dst;
	q->tuple.ipv4.dport = ports->src;
	return 1;
}

static __always_inline int quotes6(const struct packet *p, __u32 length, struct quoted *q)
{
	const struct ipv6hdr *inner = p->l4 + ICMP_LEN;
	const struct in6_addr *vip = &ipv6_of(p)->daddr;
	const struct ports *ports = (const void *)(inner + 1);

	if ((const void *)ports + QUOTED_PORTS > p->end || length < sizeof(*inner) + QUOTED_PORTS || inner->version != 6 ||
	    first_half(&inner->saddr) != first_half(vip) || last_half(&inner->saddr) != last_half(vip))
		return 0;
	q->protocol = inner->nexthdr;
	__builtin_memcpy(q->tuple.ipv6.saddr, &inner->daddr, 16);
	__builtin_memcpy(q->tuple.ipv6.daddr, vip, 16);
	q->tuple.ipv6.sport = ports->dst;
	q->tuple.ipv6.dport = ports->src;
	return 1;
}

/* Whether an error, whose header is there, quotes what can be placed; length is
 * that of the whole message. */
static __always_inline int quotes(const struct packet *p, __u32 length, struct quoted *q)
{
	if (length < ICMP_LEN)
		return 0;
	q->six = p->six;
	if (!(p->six ? quotes6(p, length - ICMP_LEN, q) : quotes4(p, length - ICMP_LEN, q)))
		return 0;
	return q->protocol == IPPROTO_TCP || q->protocol == IPPROTO_UDP;
}

/* Returns RULE_NONE and more for none. */
static __always_inline __u32 rule_of_quoted(const struct quoted *q, __u32 vip)
{
	return rule_of(q->protocol == IPPROTO_TCP ? &conf.tcp : &conf.udp, vip, vip_port(q));
}

static __always_inline __u16 bucket_of_quoted(const struct quoted *q, const volatile struct hashed *hashed)
{
	const struct in6_addr *client = (const void *)q->tuple.ipv6.saddr;
	const __be16 port = client_port(q);

	if (q->six)
		return bucket6(first_half(client) & hashed->mask6[0], last_half(client) & hashed->mask6[1],
			       port & hashed->port6);
	return bucket4(client4(q->tuple.ipv4.saddr, port, 0) & hashed->mask4);
}

static __always_inline __u32 test_flow_quoted(const struct quoted *q)
{
	struct flow_key key = {.client_port = client_port(q), .vip_port = vip_port(q)};
	const __u32 *flows;

	if (q->six) {
		__builtin_memcpy(key.client, q->tuple.ipv6.saddr, 16);
		__builtin_memcpy(key.vip, q->tuple.ipv6.daddr, 16);
	} else {
		key.client[2] = bpf_htonl(0xffff);
		key.client[3] = q->tuple.ipv4.saddr;
		key.vip[2] = bpf_htonl(0xffff);
		key.vip[3] = q->tuple.ipv4.daddr;
	}
	flows = bpf_map_lookup_elem(&test_flows, &key);
	return flows ? *flows : FLOW_NONE;
}

static __always_inline enum flow socket_of_quoted(struct xdp_md *ctx, struct quoted *q)
{
	struct bpf_sock *sk;
	enum flow flow = FLOW_KNOWN;

	if (conf.test_flows) {
		flow = test_flow_quoted(q) & 0xff;
		return flow == FLOW_COOKIE ? FLOW_LISTEN : flow; /* it brings no cookie back */
	}
	sk = bpf_skc_lookup_tcp(ctx, &q->tuple, tuple_length(q), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return FLOW_NONE;
	if (sk->state == BPF_TCP_LISTEN)
		flow = FLOW_LISTEN;
	else if (sk->state == BPF_TCP_TIME_WAIT)
		flow = FLOW_TIME_WAIT;
	bpf_sk_release(sk);
	return flow;
}

static __always_inline enum flow entry_of_quoted(struct xdp_md *ctx, struct quoted *q)
{
	struct bpf_ct_opts___short opts = {.netns_id = BPF_F_CURRENT_NETNS, .l4proto = q->protocol};
	struct nf_conn *ct;
	enum flow flow;

	if (conf.test_flows)
		return test_flow_quoted(q) >> 8;
	ct = bpf_xdp_ct_lookup(ctx, &q->tuple, tuple_length(q), &opts, sizeof(opts));
	if (!ct)
		return FLOW_NONE;
	flow = state_of_entry(ct, &opts);
	bpf_ct_release(ct);
	return flow;
}

/* What this machine knows of the quoted packet's flow. */
static __always_inline enum flow flow_of_quoted(struct xdp_md *ctx, struct quoted *q, int forwarded)
{
	enum flow flow = forwarded ? entry_of_quoted(ctx, q) : FLOW_NONE;

	if (known(flow) || q->protocol != IPPROTO_TCP)
		return flow;
	return socket_of_quoted(ctx, q);
}
