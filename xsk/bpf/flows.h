/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What this node knows of a TCP packet's flow: whether a socket here has it, and
 * whether another node has its handshake half done.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>

#include "packet.h"
#include "rules.h"

/* Package pipeline's FlowState, number by number. A test compares the two lists. */
enum flow {
	FLOW_NONE,
	FLOW_LISTEN,
	FLOW_KNOWN,
	FLOW_TIME_WAIT,
	FLOW_COOKIE,
	FLOW_LEN,
};

/* What TCP and UDP headers begin with. */
struct ports {
	__be16 src, dst;
};

/* A flow as a key: everything as on the wire, IPv4 addresses as IPv6 has
 * them (RFC 4291 2.5.5.2). */
struct flow_key {
	__be32 client[4];
	__be32 vip[4];
	__be16 client_port, vip_port;
};

#define MAX_HALF_OPEN (32 * 4096) /* nodes, and tuples that each may report */

/* Handshakes that other nodes have half done, in buckets that they gave away. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_HALF_OPEN);
	__type(key, struct flow_key);
	__type(value, __u8);
} half_open SEC(".maps");

/* Stands for the kernel's sockets where conf.test_flows says so: an enum flow
 * for each, and eight bits on one for conntrack's entries. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, __u32);
} test_flows SEC(".maps");

/* Of a packet whose ports are there, as of all that follow. */
static __always_inline struct flow_key flow_key(const struct packet *p)
{
	const struct ports *ports = p->l4;
	struct flow_key key = {.client_port = ports->src, .vip_port = ports->dst};

	source_of(p, key.client);
	destination_of(p, key.vip);
	return key;
}

static __always_inline int half_open_elsewhere(const struct packet *p)
{
	struct flow_key key = flow_key(p);

	return bpf_map_lookup_elem(&half_open, &key) != NULL;
}

static __always_inline __u32 test_flow(const struct packet *p)
{
	struct flow_key key = flow_key(p);
	const __u32 *flows = bpf_map_lookup_elem(&test_flows, &key);

	return flows ? *flows : FLOW_NONE;
}

/* The flow as the kernel's look-ups are asked for it; returns how long that is. */
static __always_inline __u32 set_tuple(struct bpf_sock_tuple *tuple, const struct packet *p)
{
	const struct ports *ports = p->l4;

	if (p->six) {
		__builtin_memcpy(tuple->ipv6.saddr, &ipv6_of(p)->saddr, 16);
		__builtin_memcpy(tuple->ipv6.daddr, &ipv6_of(p)->daddr, 16);
		tuple->ipv6.sport = ports->src;
		tuple->ipv6.dport = ports->dst;
		return sizeof(tuple->ipv6);
	}
	tuple->ipv4.saddr = ipv4_of(p)->saddr;
	tuple->ipv4.daddr = ipv4_of(p)->daddr;
	tuple->ipv4.sport = ports->src;
	tuple->ipv4.dport = ports->dst;
	return sizeof(tuple->ipv4);
}

/* What a socket says about the packet, whose TCP header is there. A listening one has the flow if the packet
 * brings back a SYN cookie: the socket to come is in the cookie. */
static __always_inline enum flow state_of(struct bpf_sock *sk, const struct packet *p)
{
	const __u32 length = p->six ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);

	switch (sk->state) {
	case BPF_TCP_LISTEN:
		if (bpf_tcp_check_syncookie(sk, (void *)p->ip, length, (void *)p->l4, sizeof(struct tcphdr)) == 0)
			return FLOW_COOKIE;
		return FLOW_LISTEN;
	case BPF_TCP_TIME_WAIT:
		return FLOW_TIME_WAIT;
	}
	return FLOW_KNOWN; /* half-open and closing ones, too */
}

static __always_inline enum flow flow_of(const struct packet *p)
{
	struct bpf_sock_tuple tuple;
	struct bpf_sock *sk;
	enum flow flow;

	if (conf.test_flows)
		return test_flow(p) & 0xff;
	sk = bpf_skc_lookup_tcp(p->ctx, &tuple, set_tuple(&tuple, p), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return FLOW_NONE;
	flow = state_of(sk, p);
	bpf_sk_release(sk);
	return flow;
}

/* Whether a packet that opens nothing has its flow here. */
static __always_inline int known(enum flow flow)
{
	return flow >= FLOW_KNOWN;
}
