/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The verdict on a VIP packet, step by step as package pipeline's judge.go and
 * packet.go have it. A test feeds both the same packets.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>

#include "conntrack.h"
#include "extensions.h"
#include "flows.h"
#include "fragment.h"
#include "hash.h"
#include "lease.h"
#include "maps.h"
#include "own.h"
#include "packet.h"
#include "pieces.h"
#include "quoted.h"
#include "reason.h"
#include "relay.h"
#include "rules.h"
#include "share.h"
#include "sticky.h"

/* RFC 792; linux/icmp.h would bring the C library's headers in. */
#define ICMP_DEST_UNREACH  3
#define ICMP_ECHO	   8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

/* RFC 4443, RFC 4861; the same of linux/icmpv6.h. */
#define ICMPV6_DEST_UNREACH    1
#define ICMPV6_PARAMPROB       4 /* with those between, all errors */
#define ICMPV6_ECHO_REQUEST    128
#define ICMPV6_FIRST_NEIGHBOUR 133
#define ICMPV6_LAST_NEIGHBOUR  137

#define TCP_FLAGS_OFFSET 13
#define TCP_OPENING	 0x17 /* ACK, RST, SYN, FIN (RFC 9293 3.1) */
#define TCP_SYN		 0x02

static __always_inline enum flow flow_of_tcp(const struct packet *p)
{
	return tcp_flow(p, p->forwarded);
}

static __always_inline __u16 client_bucket(const struct packet *p, __be16 port)
{
	const struct in6_addr *addr = &ipv6_of(p)->saddr;

	if (p->six)
		return bucket6(first_half(addr), last_half(addr), port);
	return bucket4(client4(ipv4_of(p)->saddr, port, 0));
}

/* The bucket of a rule's packet; client_bucket is that of what no rule covers. */
static __always_inline __u16 packet_bucket(const struct packet *p, __be16 port, __u32 rule)
{
	const volatile struct hashed *hashed = &conf.hashed[bounded(rule, MAX_RULES)];
	const struct in6_addr *addr = &ipv6_of(p)->saddr;

	if (p->six)
		return bucket6(first_half(addr) & hashed->mask6[0], last_half(addr) & hashed->mask6[1],
			       port & hashed->port6);
	return rule_bucket4(ipv4_of(p), port, rule);
}

/* Whether a TCP packet opens a flow: SYN, and nothing that belongs to an open one. */
static __always_inline int opens(const void *tcp)
{
	return (((const __u8 *)tcp)[TCP_FLAGS_OFFSET] & TCP_OPENING) == TCP_SYN;
}

/* Counts a packet that goes to the stack, if it opens a connection. */
static __always_inline void count_opening(const struct packet *p)
{
	__u32 key = 0;
	__u64 *n;

	if (p->protocol != IPPROTO_TCP || !has(p, TCP_MIN_LEN) || !opens(p->l4))
		return;
	n = bpf_map_lookup_elem(&opened, &key);
	if (n)
		(*n)++;
}

/* A SYN where other nodes may have had the client: who has had it keeps it. */
static __always_inline enum reason judge_client(const struct client_key *key)
{
	switch (what_is_learnt(key)) {
	case CLIENT_MINE:
		return ACCEPTED;
	case CLIENT_ELSEWHERE:
		return STICKY_ELSEWHERE;
	default:
		return PARKED_STICKY;
	}
}

/* A SYN in a bucket where other nodes than the owner may have flows. */
static __always_inline enum reason judge_syn_unsettled(const struct packet *p, const struct part *part, __u16 bucket, __u32 rule)
{
	const struct client_key key = client_key(p, rule);

	if (is_ask(part, bucket))
		return PARKED;
	if (is_mine(part, bucket)) {
		if (!lease_exact())
			return FENCED;
		if (half_open_elsewhere(p))
			return HALF_OPEN_ELSEWHERE;
		return is_sticky(part, bucket) ? judge_client(&key) : ACCEPTED;
	}
	if (is_sticky(part, bucket) && remembered(&key))
		return granted() ? ACCEPTED_STICKY : PARKED;
	/* Sent again: it belongs to who has answered it. */
	if (lease_exact() && flow_of_tcp(p) == FLOW_KNOWN)
		return ACCEPTED_KNOWN;
	return NOT_MINE;
}

static __always_inline enum reason judge_tcp(const struct packet *p, const struct part *part, __u16 bucket, __u32 rule)
{
	const int opening = opens(p->l4);

	if (is_unsettled(part, bucket)) {
		if (opening)
			return judge_syn_unsettled(p, part, bucket, rule);
		return known(flow_of_tcp(p)) ? ACCEPTED_KNOWN : UNKNOWN_FLOW;
	}
	if (!is_mine(part, bucket))
		return NOT_MINE;
	if (opening)
		return lease_exact() ? ACCEPTED : FENCED;
	if (lease_coarse())
		return ACCEPTED;
	return known(flow_of_tcp(p)) ? ACCEPTED_KNOWN : FENCED;
}

/* What any packet may open: the owner has it, whatever was before. */
static __always_inline enum reason judge_owner(const struct part *part, __u16 bucket)
{
	if (!is_mine(part, bucket))
		return NOT_MINE;
	return lease_coarse() ? ACCEPTED : FENCED;
}

static __always_inline enum reason judge_udp(const struct part *part, __u16 bucket)
{
	if (is_unsettled(part, bucket) && is_ask(part, bucket))
		return PARKED;
	return judge_owner(part, bucket);
}

/* Remembers the client of a SYN that goes to the stack from here. What the pipeline
 * lets in passes the fence, which does the same. */
static __always_inline void keep(const struct packet *p, __u32 rule, enum reason reason)
{
	const struct client_key key = client_key(p, rule);

	if ((reason == ACCEPTED || reason == ACCEPTED_STICKY) && whole_header(p))
		remember(&key, reason == ACCEPTED ? BPF_ANY : BPF_EXIST);
}

/* UDP of a rule that forwards: who has the flow keeps it, as with TCP. All others
 * open one, but for those that another node has said to have. */
static __always_inline enum reason judge_udp_forwarded(const struct packet *p, const struct part *part, __u16 bucket)
{
	if (is_unsettled(part, bucket)) {
		if (known(entry(p)))
			return ACCEPTED_KNOWN;
		if (is_ask(part, bucket))
			return PARKED;
		if (!is_mine(part, bucket))
			return NOT_MINE;
		if (!lease_coarse())
			return FENCED;
		return half_open_elsewhere(p) ? HALF_OPEN_ELSEWHERE : ACCEPTED;
	}
	if (!is_mine(part, bucket))
		return NOT_MINE;
	if (lease_coarse())
		return ACCEPTED;
	return known(entry(p)) ? ACCEPTED_KNOWN : FENCED;
}

static __always_inline enum reason judge_flow(struct packet *p, const volatile struct classes *classes, int tcp)
{
	const struct ports *ports = p->l4;
	const struct part *part;
	enum reason reason;
	__u16 bucket;
	__u32 rule, share;

	if (!ports->src || !ports->dst)
		return PORT_ZERO;
	rule = rule_of(classes, p->vip, ports->dst);
	if (rule >= MAX_RULES)
		return rule == RULE_BLOCK ? BLOCKED : judge_no_rule(p, tcp, tcp && opens(p->l4));
	bucket = packet_bucket(p, ports->src, rule);
	share = share_slot; /* once: owners and part are of one share */
	if (relays(p)) {
		reason = relayed(p, share, rule, bucket);
		if (reason != OTHER)
			return reason;
	}
	part = part_in(share, rule);
	if (!part)
		return NOT_SERVING;
	p->forwarded = forwards(rule);
	if (!tcp)
		return p->forwarded ? judge_udp_forwarded(p, part, bucket) : judge_udp(part, bucket);
	reason = judge_tcp(p, part, bucket, rule);
	if (opens(p->l4) && conf.sticky[bounded(rule, MAX_RULES)] && (conf.offload == OFFLOAD_FULL || handover))
		keep(p, rule, reason);
	return reason;
}

static __always_inline enum reason judge_echo(struct packet *p)
{
	const __u16 bucket = client_bucket(p, 0);
	const __u32 share = share_slot; /* once, as above */
	const struct part *part;
	enum reason reason;

	if (relays(p)) {
		reason = relayed(p, share, ECHO_RULE, bucket);
		if (reason != OTHER)
			return reason;
	}
	part = part_in(share, ECHO_RULE);
	if (!part)
		return NOT_SERVING;
	reason = judge_owner(part, bucket);
	return reason == ACCEPTED ? ACCEPTED_ECHO : reason;
}

static __always_inline int is_echo(const struct packet *p, __u8 type)
{
	return type == (p->six ? ICMPV6_ECHO_REQUEST : ICMP_ECHO);
}

static __always_inline int is_icmp_error(const struct packet *p, __u8 type)
{
	if (p->six)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* An ICMP error belongs to the node that has the flow it is about; where that
 * cannot be told, every node takes it, since none answers it. */
static __always_inline enum reason judge_error(const struct packet *p, __u32 length)
{
	const struct part *part;
	struct quoted q = {};
	__u16 bucket;
	__u32 rule;

	if (!quotes(p, length, &q))
		return ACCEPTED_ICMP_ERROR;
	rule = rule_of_quoted(&q, p->vip);
	/* What an answer's identification was tells nothing of that of the question. */
	if (rule >= MAX_RULES || conf.hashed[bounded(rule, MAX_RULES)].mask4 >> 48)
		return ACCEPTED_ICMP_ERROR;
	part = part_of(rule);
	if (!part)
		return ACCEPTED_ICMP_ERROR;
	bucket = bucket_of_quoted(&q, &conf.hashed[bounded(rule, MAX_RULES)]);
	if (!is_unsettled(part, bucket))
		return is_mine(part, bucket) ? ACCEPTED_ICMP_ERROR : NOT_MINE;
	if (q.protocol != IPPROTO_TCP && !forwards(rule))
		return ACCEPTED_ICMP_ERROR;
	return known(flow_of_quoted(p->ctx, &q, forwards(rule))) ? ACCEPTED_ICMP_ERROR : UNKNOWN_FLOW;
}

static __always_inline enum reason judge_icmp(struct packet *p, __u32 length)
{
	const __u8 type = *(const __u8 *)p->l4;

	if (is_echo(p, type))
		return judge_echo(p);
	if (!is_icmp_error(p, type))
		return judge_default(p, OTHER_ICMP, 0);
	return relays(p) ? COPIED : judge_error(p, length);
}

/* Whether an IPv6 packet is neighbour discovery's. */
static __always_inline int is_neighbour(const struct packet *p)
{
	const __u8 *type = p->l4;

	return p->protocol == IPPROTO_ICMPV6 && !p->first && has(p, ICMP_LEN) && payload_length(p) >= ICMP_LEN &&
	       *type >= ICMPV6_FIRST_NEIGHBOUR && *type <= ICMPV6_LAST_NEIGHBOUR;
}

/* What the packet carries is so long, in bytes. */
static __always_inline enum reason judge_transport(struct packet *p, __u32 length)
{
	switch (p->protocol) {
	case IPPROTO_TCP:
		if (length < TCP_MIN_LEN || p->l4 + TCP_MIN_LEN > p->end)
			return MALFORMED;
		return judge_flow(p, &conf.tcp, 1);
	case IPPROTO_UDP:
		if (length < UDP_LEN || p->l4 + UDP_LEN > p->end)
			return MALFORMED;
		return judge_flow(p, &conf.udp, 0);
	}
	if (p->protocol != (p->six ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return judge_default(p, OTHER_PROTOCOL, 0);
	if (length < ICMP_LEN || p->l4 + ICMP_LEN > p->end)
		return MALFORMED;
	return judge_icmp(p, length);
}

static __always_inline int martian4(__be32 src, __be32 dst)
{
	const __u8 first = src; /* on the wire */

	return first == 0 || first == 127 || first >= 224 || src == dst;
}

static __always_inline enum reason judge4(struct packet *p)
{
	const struct iphdr *ip = ipv4_of(p);
	__u32 header = ip->ihl * 4, total = bpf_ntohs(ip->tot_len);

	if (ip->version != 4 || header < sizeof(*ip) || total < header ||
	    total > rest_of_frame(p->ctx, ip, p->end))
		return MALFORMED;
	if (martian4(ip->saddr, ip->daddr))
		return MARTIAN;
	if (relays(p) && ip->frag_off & bpf_htons(IP_FRAGMENT))
		return COPIED;
	if (is_fragment(ip))
		return FRAGMENT;
	return judge_transport(p, total - header);
}

/* Unspecified, ::1, multicast, an IPv4 address in IPv6's form, or the destination. */
static __always_inline int martian6(const struct ipv6hdr *ip)
{
	const __u64 lo = first_half(&ip->saddr), hi = last_half(&ip->saddr);

	return (!lo && (!hi || hi == 1ULL << 56 || (__u32)hi == 0xffff0000)) || (__u8)lo == 0xff ||
	       (lo == first_half(&ip->daddr) && hi == last_half(&ip->daddr));
}

static __always_inline enum reason judge6(struct packet *p)
{
	if (p->headers == MALFORMED)
		return MALFORMED;
	if (martian6(ipv6_of(p)))
		return MARTIAN;
	if (p->first)
		return relays(p) ? COPIED : FRAGMENT;
	if (p->headers == OTHER_PROTOCOL)
		return judge_default(p, OTHER_PROTOCOL, 0);
	if (p->headers != ACCEPTED)
		return p->headers;
	return judge_transport(p, payload_length(p));
}

static __always_inline enum reason judge(struct packet *p)
{
	return p->six ? judge6(p) : judge4(p);
}
