/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The headers of an IPv6 packet, as package pipeline's packet6.go walks through
 * them. The loop is in functions of their own, which the verifier goes through once
 * and by themselves: what follows need not be verified for each way through it.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "packet.h"
#include "pieces.h"

#define EXT_MIN_LEN    8
#define EXT_MAX_LEN    0xfff  /* 8 + 255 * 8, and more */
#define MAX_EXTENSIONS 6      /* pipeline's maxExtensions */
#define FRAGMENT_PART  0xfff9 /* offset and More Fragments (RFC 8200 4.5) */
#define FRAGMENT_OFFSET 0xfff8

/* Longest way to the transport header: one less than a power of two. */
#define MAX_HEADERS 0x3fff
#define FIRST_PART  0x8000 /* beside the offset: it is the first part of a datagram */
#define MAX_AT	    64 /* where the IPv6 header may begin */

struct extension {
	__u8 next;
	__u8 length;	    /* in eight bytes, less one; of IPPROTO_AH in four, less two */
	__be16 part;	    /* of a fragment header */
	__u8 rest[4];
};

/* What a walk comes to. The offset of the transport header is the IPv6 header's. */
static __always_inline __u32 walked(enum reason reason, __u32 protocol, __u32 offset)
{
	return (__u32)reason << 24 | protocol << 16 | offset;
}

static __always_inline int is_extension(__u32 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_AH || protocol == IPPROTO_DSTOPTS;
}

/* What is behind the fragment header of a first part the pipeline looks at. */
static __always_inline __u32 walked_short(enum reason reason, __u32 first)
{
	return walked(first ? FRAGMENT : reason, 0, 0);
}

/* Why a walk ends with the nth extension header; ACCEPTED if it goes on. */
static __always_inline enum reason stops(__u32 protocol, const struct extension *e, __u32 n)
{
	if (protocol == IPPROTO_HOPOPTS && n > 0)
		return MALFORMED; /* only ever the first (RFC 8200 4.1) */
	/* Segments are left: it is on its way to somewhere else. */
	if (protocol == IPPROTO_ROUTING && ((const __u8 *)e)[3])
		return OTHER_PROTOCOL;
	if (protocol == IPPROTO_FRAGMENT && e->part & bpf_htons(FRAGMENT_OFFSET))
		return FRAGMENT;
	return ACCEPTED;
}

static __always_inline __u32 length_of(__u32 protocol, const struct extension *e)
{
	__u32 length = EXT_MIN_LEN;

	if (protocol != IPPROTO_FRAGMENT)
		length = 8 + e->length * (protocol == IPPROTO_AH ? 4 : 8); /* RFC 4302 2.2 */
	/*
	 * Linux 6.1 knows no bound of the product, and lets nobody read at an offset
	 * without one. The compiler knows that the mask does nothing.
	 */
	barrier_var(length);
	return length & EXT_MAX_LEN;
}

static __always_inline __u32 walk(const void *data, const void *end, __u32 at)
{
	const struct ipv6hdr *ip = data + at;
	__u32 offset = sizeof(*ip), protocol, left, first = 0;

	if ((const void *)(ip + 1) > end)
		return walked(MALFORMED, 0, 0);
	protocol = ip->nexthdr;
	left = bpf_ntohs(ip->payload_len);
	for (__u32 n = 0; n < MAX_EXTENSIONS; n++) {
		const struct extension *e = (const void *)ip + offset;
		enum reason reason;
		__u32 length;

		if (!is_extension(protocol))
			return walked(ACCEPTED, protocol, offset | first);
		if (left < EXT_MIN_LEN || (const void *)(e + 1) > end)
			return walked_short(MALFORMED, first);
		reason = stops(protocol, e, n);
		if (reason != ACCEPTED)
			return walked_short(reason, first);
		length = length_of(protocol, e);
		if (length > left)
			return walked_short(MALFORMED, first);
		if (protocol == IPPROTO_FRAGMENT && e->part & bpf_htons(FRAGMENT_PART))
			first = FIRST_PART;
		left -= length;
		offset += length;
		protocol = e->next;
	}
	return is_extension(protocol) ? walked_short(MALFORMED, first) : walked(ACCEPTED, protocol, offset | first);
}

__attribute__((noinline)) __u32 walk_xdp(struct xdp_md *ctx, __u32 at)
{
	if (at > MAX_AT)
		return walked(MALFORMED, 0, 0);
	return walk((void *)(long)ctx->data, (void *)(long)ctx->data_end, at);
}

__attribute__((noinline)) __u32 walk_skb(struct __sk_buff *skb, __u32 at)
{
	if (at > MAX_AT)
		return walked(MALFORMED, 0, 0);
	return walk((void *)(long)skb->data, (void *)(long)skb->data_end, at);
}

/* An IPv6 packet, whose header is there, but for its extension headers. So many bytes
 * are left of the frame. */
static __always_inline struct packet unwalked6(const struct ipv6hdr *ip, const void *end, __u64 left)
{
	struct packet p = {.ip = ip, .l4 = ip + 1, .end = end, .protocol = ip->nexthdr, .headers = ACCEPTED, .six = 1};

	if (ip->version != 6 || sizeof(*ip) + bpf_ntohs(ip->payload_len) > left)
		p.headers = MALFORMED;
	return p;
}

static __always_inline void take_walk(struct packet *p, __u32 walk)
{
	p->headers = walk >> 24;
	p->protocol = walk >> 16 & 0xff;
	p->l4 = p->ip + (walk & MAX_HEADERS);
	p->first = walk & FIRST_PART;
}

static __always_inline struct packet packet6(struct xdp_md *ctx, const struct ipv6hdr *ip, const void *end)
{
	struct packet p = unwalked6(ip, end, rest_of_frame(ctx, ip, end));

	p.ctx = ctx;
	if (p.headers == ACCEPTED && is_extension(p.protocol))
		take_walk(&p, walk_xdp(ctx, (long)ip - (long)ctx->data));
	return p;
}

/* The same of a packet that is in an sk_buff. */
static __always_inline struct packet packet6_of_skb(struct __sk_buff *skb, const struct ipv6hdr *ip, const void *end)
{
	struct packet p = unwalked6(ip, end, (long)end - (long)ip);

	if (p.headers == ACCEPTED && is_extension(p.protocol))
		take_walk(&p, walk_skb(skb, (long)ip - (long)skb->data));
	return p;
}

/* How long what the packet carries is, in bytes; its headers are right. */
static __always_inline __u32 payload_length(const struct packet *p)
{
	long headers = (long)p->l4 - (long)p->ip;

	barrier_var(headers); /* or the compiler takes the halves of pointers */
	return sizeof(struct ipv6hdr) + bpf_ntohs(ipv6_of(p)->payload_len) - headers;
}
