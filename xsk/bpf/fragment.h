/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Parts of datagrams. The pipeline judges them, which keeps those that come before
 * the first one; the program hands them over, at every offload level. In hand-over,
 * when nobody reads, it judges the first one over IPv4 as if it were whole, and
 * drops all others.
 */
#pragma once

#include <linux/ip.h>
#include <bpf/bpf_endian.h>

#include "maps.h"
#include "packet.h"

#define IP_FRAGMENT 0x3fff /* More Fragments, or an offset (RFC 791 3.1) */
#define IP_OFFSET   0x1fff

/* A part other than the first: what follows its IP header is no transport header. */
static __always_inline int later_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(IP_OFFSET);
}

/* Whether the pipeline must see the datagram's other parts, too. */
static __always_inline int is_fragment(const struct iphdr *ip)
{
	if (!(ip->frag_off & bpf_htons(IP_FRAGMENT)))
		return 0;
	return !handover || later_fragment(ip);
}

#define MAX_IP_WORDS 15 /* the longest IPv4 header, in words of 32 bits */

/* Whether the header's checksum is right, if it has one (RFC 1071): asked before a
 * packet changes what this node remembers. */
static __always_inline int whole_header(const struct packet *p)
{
	const struct iphdr *ip = p->ip;
	const __u16 *word = p->ip;
	__u32 sum = 0;

	if (p->six)
		return 1;
	for (__u32 i = 0; i < 2 * MAX_IP_WORDS && i < 2 * ip->ihl; i++) {
		if ((const void *)(word + i + 1) > p->end)
			return 0;
		sum += word[i];
	}
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return (sum & 0xffff) == 0xffff;
}
