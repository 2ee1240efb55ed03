/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The packet that an ICMP error is about, and whose it is. Package pipeline's
 * quoted.go, step by step.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "conntrack.h"
#include "flows.h"
#include "fragment.h"
#include "rules.h"

#define ICMP_LEN 8

/* RFC 792; linux/icmp.h would bring the C library's headers in. */
#define ICMP_DEST_UNREACH  3
#define ICMP_ECHO	   8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

static __always_inline int is_icmp_error(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* It went from the VIP to the client; here it is turned round, as a packet that
 * the client sends. */
struct quoted {
	__be32 client, vip;
	struct ports ports;
	__u8 protocol;
};

/* Whether an error quotes what can be placed; ip is the error's own packet, icmp
 * its header. */
static __always_inline int quotes(const struct iphdr *ip, const void *icmp, const void *end, struct quoted *q)
{
	const struct iphdr *inner = icmp + ICMP_LEN;
	__u32 length = bpf_ntohs(ip->tot_len) - ip->ihl * 4, header;
	const struct ports *ports;

	if ((const void *)(inner + 1) > end)
		return 0;
	header = inner->ihl * 4;
	ports = (const void *)inner + header;
	if (inner->version != 4 || header < sizeof(*inner) || length < ICMP_LEN + header + 8 ||
	    (const void *)(ports + 2) > end || later_fragment(inner) || inner->saddr != ip->daddr)
		return 0;
	q->client = inner->daddr;
	q->vip = inner->saddr;
	q->ports.src = ports->dst;
	q->ports.dst = ports->src;
	q->protocol = inner->protocol;
	return q->protocol == IPPROTO_TCP || q->protocol == IPPROTO_UDP;
}

static __always_inline __u32 rule_of_quoted(const struct quoted *q, __u32 vip)
{
	return rule_of(q->protocol == IPPROTO_TCP ? &conf.tcp : &conf.udp, vip, q->ports.dst);
}

static __always_inline __u32 test_flow_quoted(const struct quoted *q)
{
	const struct iphdr ip = {.saddr = q->client, .daddr = q->vip};

	return test_flow(&ip, &q->ports);
}

static __always_inline enum flow socket_of_quoted(struct xdp_md *ctx, const struct quoted *q)
{
	struct bpf_sock_tuple tuple = {.ipv4 = {q->client, q->vip, q->ports.src, q->ports.dst}};
	struct bpf_sock *sk;
	enum flow flow = FLOW_KNOWN;

	if (conf.test_flows) {
		flow = test_flow_quoted(q) & 0xff;
		return flow == FLOW_COOKIE ? FLOW_LISTEN : flow;
	}
	sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return FLOW_NONE;
	if (sk->state == BPF_TCP_LISTEN)
		flow = FLOW_LISTEN;
	else if (sk->state == BPF_TCP_TIME_WAIT)
		flow = FLOW_TIME_WAIT;
	bpf_sk_release(sk);
	return flow;
}

static __always_inline enum flow entry_of_quoted(struct xdp_md *ctx, const struct quoted *q)
{
	const struct iphdr ip = {.saddr = q->client, .daddr = q->vip, .protocol = q->protocol};

	return entry(ctx, &ip, &q->ports);
}

/* What this machine knows of the quoted packet's flow. */
static __always_inline enum flow flow_of_quoted(struct xdp_md *ctx, const struct quoted *q, int forwarded)
{
	enum flow flow = forwarded ? entry_of_quoted(ctx, q) : FLOW_NONE;

	if (known(flow) || q->protocol != IPPROTO_TCP)
		return flow;
	return socket_of_quoted(ctx, q);
}
