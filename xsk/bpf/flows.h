/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What this node knows of a TCP packet's flow: whether a socket here has it, and
 * whether another node has its handshake half done.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

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

static __always_inline struct flow_key flow_key(const struct iphdr *ip, const struct ports *ports)
{
	struct flow_key key = {
		.client = {0, 0, bpf_htonl(0xffff), ip->saddr},
		.vip = {0, 0, bpf_htonl(0xffff), ip->daddr},
		.client_port = ports->src,
		.vip_port = ports->dst,
	};

	return key;
}

static __always_inline int half_open_elsewhere(const struct iphdr *ip, const struct ports *ports)
{
	struct flow_key key = flow_key(ip, ports);

	return bpf_map_lookup_elem(&half_open, &key) != NULL;
}

static __always_inline __u32 test_flow(const struct iphdr *ip, const struct ports *ports)
{
	struct flow_key key = flow_key(ip, ports);
	const __u32 *flows = bpf_map_lookup_elem(&test_flows, &key);

	return flows ? *flows : FLOW_NONE;
}

/* What a socket says about the packet. A listening one has the flow if the packet
 * brings back a SYN cookie: the socket to come is in the cookie. */
static __always_inline enum flow state_of(struct bpf_sock *sk, const struct iphdr *ip, const struct tcphdr *tcp)
{
	switch (sk->state) {
	case BPF_TCP_LISTEN:
		if (bpf_tcp_check_syncookie(sk, (void *)ip, sizeof(*ip), (void *)tcp, sizeof(*tcp)) == 0)
			return FLOW_COOKIE;
		return FLOW_LISTEN;
	case BPF_TCP_TIME_WAIT:
		return FLOW_TIME_WAIT;
	}
	return FLOW_KNOWN; /* half-open and closing ones, too */
}

static __always_inline enum flow flow_of(struct xdp_md *ctx, const struct iphdr *ip, const struct tcphdr *tcp)
{
	struct bpf_sock_tuple tuple = {.ipv4 = {ip->saddr, ip->daddr, tcp->source, tcp->dest}};
	struct bpf_sock *sk;
	enum flow flow;

	if (conf.test_flows)
		return test_flow(ip, (const void *)tcp) & 0xff;
	sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return FLOW_NONE;
	flow = state_of(sk, ip, tcp);
	bpf_sk_release(sk);
	return flow;
}

/* Whether a packet that opens nothing has its flow here. */
static __always_inline int known(enum flow flow)
{
	return flow >= FLOW_KNOWN;
}
