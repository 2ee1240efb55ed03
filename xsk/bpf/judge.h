/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The verdict on a VIP packet, step by step as package pipeline's judge.go and
 * packet.go have it. A test feeds both the same packets.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>

#include "rules.h"
#include "share.h"
#include "siphash.h"

#define IP_FRAGMENT 0x3fff /* More Fragments, or an offset (RFC 791 3.1) */
#define TCP_MIN_LEN 20
#define UDP_LEN	    8
#define ICMP_LEN    8

/* RFC 792; linux/icmp.h would bring the C library's headers in. */
#define ICMP_DEST_UNREACH  3
#define ICMP_ECHO	   8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

struct ports {
	__be16 src, dst;
};

static __always_inline __u16 client_bucket(__be32 addr, __be16 port)
{
	return bucket4(conf.key[0], conf.key[1], addr, port);
}

static __always_inline enum reason judge_flow(const volatile struct classes *classes, __be32 client,
					      const struct ports *ports, __u32 vip)
{
	__u32 class, rule;

	if (!ports->src || !ports->dst)
		return PORT_ZERO;
	class = classes->of_port[bpf_ntohs(ports->dst)];
	rule = classes->rule[class % MAX_CLASSES][vip % MAX_VIPS];
	if (rule >= MAX_RULES)
		return NO_RULE;
	return has(rule, client_bucket(client, conf.affinity[rule] == AFFINITY_SESSION ? ports->src : 0));
}

static __always_inline enum reason judge_icmp(__be32 client, __u8 type)
{
	enum reason reason;

	switch (type) {
	case ICMP_ECHO:
		reason = has(ECHO_RULE, client_bucket(client, 0));
		return reason == ACCEPTED ? ACCEPTED_ECHO : reason;
	case ICMP_DEST_UNREACH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return ACCEPTED_ICMP_ERROR;
	}
	return OTHER_ICMP;
}

static __always_inline int martian(__be32 src, __be32 dst)
{
	__u8 first = bpf_ntohl(src) >> 24;

	return first == 0 || first == 127 || first >= 224 || src == dst;
}

/* ip is a whole IPv4 header for a VIP; end is that of the frame. */
static __always_inline enum reason judge(const struct iphdr *ip, const void *end, __u32 vip)
{
	__u32 header = ip->ihl * 4, total = bpf_ntohs(ip->tot_len), length;
	const void *l4 = (const void *)ip + header;

	if (ip->version != 4 || header < sizeof(*ip) || total < header ||
	    total > (__u32)((long)end - (long)ip))
		return MALFORMED;
	if (martian(ip->saddr, ip->daddr))
		return MARTIAN;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT))
		return FRAGMENT;
	length = total - header;
	switch (ip->protocol) {
	case IPPROTO_TCP:
		if (length < TCP_MIN_LEN || l4 + TCP_MIN_LEN > end)
			return MALFORMED;
		return judge_flow(&conf.tcp, ip->saddr, l4, vip);
	case IPPROTO_UDP:
		if (length < UDP_LEN || l4 + UDP_LEN > end)
			return MALFORMED;
		return judge_flow(&conf.udp, ip->saddr, l4, vip);
	case IPPROTO_ICMP:
		if (length < ICMP_LEN || l4 + ICMP_LEN > end)
			return MALFORMED;
		return judge_icmp(ip->saddr, *(const __u8 *)l4);
	}
	return OTHER_PROTOCOL;
}
