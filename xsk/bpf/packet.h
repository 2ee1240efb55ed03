/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A VIP packet on its way through the verdict, of either family. six is a constant
 * wherever a packet is made, and all is inlined from there: what the other family
 * has to do is not in the code of the one.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "reason.h"

#define TCP_MIN_LEN 20
#define UDP_LEN	    8
#define ICMP_LEN    8

struct packet {
	struct xdp_md *ctx;
	const void *ip;	 /* a whole struct iphdr, or struct ipv6hdr if six */
	const void *l4;	 /* behind all headers of IP: nothing of it need be there */
	const void *end; /* of the frame */
	__u32 vip;
	__u32 protocol;
	enum reason headers; /* why they cannot be read, if they cannot: ACCEPTED */
	int six;
	int first; /* of IPv6: the first part of a datagram; the others have no l4 */
	int forwarded; /* its rule's packets; for judge.h alone */
	int relays; /* a client's, for a VIP in mode directed: goes on if it is another's */
	__u64 to; /* if it is another's: the Ethernet address of that one, if it is known */
};

static __always_inline const struct iphdr *ipv4_of(const struct packet *p)
{
	return p->ip;
}

static __always_inline const struct ipv6hdr *ipv6_of(const struct packet *p)
{
	return p->ip;
}

/* An IPv4 packet whose header is there, and has no more checked. */
static __always_inline struct packet packet4(struct xdp_md *ctx, const struct iphdr *ip, const void *end)
{
	struct packet p = {
		.ctx = ctx, .ip = ip, .l4 = (const void *)ip + ip->ihl * 4, .end = end,
		.protocol = ip->protocol, .headers = ip->ihl < 5 ? MALFORMED : ACCEPTED,
	};

	return p;
}

/* Whether so much of the protocol's header is in the frame. */
static __always_inline int has(const struct packet *p, __u32 length)
{
	return p->headers == ACCEPTED && p->l4 + length <= p->end;
}

/* The halves of an IPv6 address. */
static __always_inline __u64 first_half(const struct in6_addr *a)
{
	return *(const __u64 *)a;
}

static __always_inline __u64 last_half(const struct in6_addr *a)
{
	return *(const __u64 *)((const void *)a + 8);
}

/* A client's address, or a VIP's, as IPv6 has it (RFC 4291 2.5.5.2). */
static __always_inline void source_of(const struct packet *p, __be32 address[4])
{
	if (p->six) {
		__builtin_memcpy(address, &ipv6_of(p)->saddr, 16);
		return;
	}
	address[0] = 0;
	address[1] = 0;
	address[2] = bpf_htonl(0xffff);
	address[3] = ipv4_of(p)->saddr;
}

static __always_inline void destination_of(const struct packet *p, __be32 address[4])
{
	if (p->six) {
		__builtin_memcpy(address, &ipv6_of(p)->daddr, 16);
		return;
	}
	address[0] = 0;
	address[1] = 0;
	address[2] = bpf_htonl(0xffff);
	address[3] = ipv4_of(p)->daddr;
}
