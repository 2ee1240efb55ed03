/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The verdict on a VIP packet, step by step as package pipeline's judge.go and
 * packet.go have it. A test feeds both the same packets.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>

#include "conntrack.h"
#include "flows.h"
#include "fragment.h"
#include "lease.h"
#include "maps.h"
#include "own.h"
#include "quoted.h"
#include "reason.h"
#include "rules.h"
#include "share.h"
#include "siphash.h"
#include "sticky.h"

#define TCP_MIN_LEN 20
#define UDP_LEN	    8

#define TCP_FLAGS_OFFSET 13
#define TCP_OPENING	 0x17 /* ACK, RST, SYN, FIN (RFC 9293 3.1) */
#define TCP_SYN		 0x02

/* A VIP packet on its way through the verdict. */
struct packet {
	struct xdp_md *ctx;
	const struct iphdr *ip;
	const void *l4; /* as much as the protocol's least header is there */
	const void *end;
	__u32 vip;
	int forwarded; /* its rule's packets */
};

static __always_inline enum flow flow_of_tcp(const struct packet *p)
{
	return tcp_flow(p->ctx, p->ip, p->l4, p->forwarded);
}

static __always_inline __u16 client_bucket(__be32 addr, __be16 port)
{
	return bucket4(conf.key[0], conf.key[1], addr, port);
}

/* Whether a TCP packet opens a flow: SYN, and nothing that belongs to an open one. */
static __always_inline int opens(const void *tcp)
{
	return (((const __u8 *)tcp)[TCP_FLAGS_OFFSET] & TCP_OPENING) == TCP_SYN;
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
	const struct client_key key = client_key(p->ip->saddr, rule);

	if (is_ask(part, bucket))
		return PARKED;
	if (is_mine(part, bucket)) {
		if (!lease_exact())
			return FENCED;
		if (half_open_elsewhere(p->ip, p->l4))
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
	const struct client_key key = client_key(p->ip->saddr, rule);

	if ((reason != ACCEPTED && reason != ACCEPTED_STICKY) || !whole_header(p->ip, p->end))
		return;
	remember(&key, reason == ACCEPTED ? BPF_ANY : BPF_EXIST);
}

/* UDP of a rule that forwards: who has the flow keeps it, as with TCP. All others
 * open one, but for those that another node has said to have. */
static __always_inline enum reason judge_udp_forwarded(const struct packet *p, const struct part *part, __u16 bucket)
{
	if (is_unsettled(part, bucket)) {
		if (known(entry(p->ctx, p->ip, p->l4)))
			return ACCEPTED_KNOWN;
		if (is_ask(part, bucket))
			return PARKED;
		if (!is_mine(part, bucket))
			return NOT_MINE;
		if (!lease_coarse())
			return FENCED;
		return half_open_elsewhere(p->ip, p->l4) ? HALF_OPEN_ELSEWHERE : ACCEPTED;
	}
	if (!is_mine(part, bucket))
		return NOT_MINE;
	if (lease_coarse())
		return ACCEPTED;
	return known(entry(p->ctx, p->ip, p->l4)) ? ACCEPTED_KNOWN : FENCED;
}

static __always_inline enum reason judge_flow(struct packet *p, const volatile struct classes *classes, int tcp)
{
	const struct ports *ports = p->l4;
	const struct part *part;
	enum reason reason;
	__u16 bucket;
	__u32 rule;

	if (!ports->src || !ports->dst)
		return PORT_ZERO;
	rule = rule_of(classes, p->vip, ports->dst);
	if (rule >= MAX_RULES)
		return judge_no_rule(p->ctx, p->ip, p->l4, tcp, tcp && opens(p->l4));
	part = part_of(rule);
	if (!part)
		return NOT_SERVING;
	bucket = client_bucket(p->ip->saddr, conf.affinity[rule] == AFFINITY_SESSION ? ports->src : 0);
	p->forwarded = forwards(rule);
	if (!tcp)
		return p->forwarded ? judge_udp_forwarded(p, part, bucket) : judge_udp(part, bucket);
	reason = judge_tcp(p, part, bucket, rule);
	if (opens(p->l4) && conf.sticky[rule] && (conf.offload == OFFLOAD_FULL || handover))
		keep(p, rule, reason);
	return reason;
}

static __always_inline enum reason judge_echo(__be32 client)
{
	const struct part *part = part_of(ECHO_RULE);
	enum reason reason;

	if (!part)
		return NOT_SERVING;
	reason = judge_owner(part, client_bucket(client, 0));
	return reason == ACCEPTED ? ACCEPTED_ECHO : reason;
}

/* An ICMP error belongs to the node that has the flow it is about; where that
 * cannot be told, every node takes it, since none answers it. */
static __always_inline enum reason judge_error(const struct packet *p)
{
	const struct part *part;
	struct quoted q = {};
	__u16 bucket;
	__u32 rule;

	if (!quotes(p->ip, p->l4, p->end, &q))
		return ACCEPTED_ICMP_ERROR;
	rule = rule_of_quoted(&q, p->vip);
	if (rule >= MAX_RULES)
		return ACCEPTED_ICMP_ERROR;
	part = part_of(rule);
	if (!part)
		return ACCEPTED_ICMP_ERROR;
	bucket = client_bucket(q.client, conf.affinity[rule] == AFFINITY_SESSION ? q.ports.src : 0);
	if (!is_unsettled(part, bucket))
		return is_mine(part, bucket) ? ACCEPTED_ICMP_ERROR : NOT_MINE;
	if (q.protocol != IPPROTO_TCP && !forwards(rule))
		return ACCEPTED_ICMP_ERROR;
	return known(flow_of_quoted(p->ctx, &q, forwards(rule))) ? ACCEPTED_ICMP_ERROR : UNKNOWN_FLOW;
}

static __always_inline enum reason judge_icmp(const struct packet *p)
{
	const __u8 type = *(const __u8 *)p->l4;

	if (type == ICMP_ECHO)
		return judge_echo(p->ip->saddr);
	if (is_icmp_error(type))
		return judge_error(p);
	return judge_default(OTHER_ICMP);
}

static __always_inline int martian(__be32 src, __be32 dst)
{
	__u8 first = bpf_ntohl(src) >> 24;

	return first == 0 || first == 127 || first >= 224 || src == dst;
}

/* ip is a whole IPv4 header for a VIP; end is that of the frame. */
static __always_inline enum reason judge(struct xdp_md *ctx, const struct iphdr *ip, const void *end, __u32 vip)
{
	__u32 header = ip->ihl * 4, total = bpf_ntohs(ip->tot_len), length;
	const void *l4 = (const void *)ip + header;
	struct packet p = {.ctx = ctx, .ip = ip, .l4 = l4, .end = end, .vip = vip};

	if (ip->version != 4 || header < sizeof(*ip) || total < header ||
	    total > (__u32)((long)end - (long)ip))
		return MALFORMED;
	if (martian(ip->saddr, ip->daddr))
		return MARTIAN;
	if (is_fragment(ip))
		return FRAGMENT;
	length = total - header;
	switch (ip->protocol) {
	case IPPROTO_TCP:
		if (length < TCP_MIN_LEN || l4 + TCP_MIN_LEN > end)
			return MALFORMED;
		return judge_flow(&p, &conf.tcp, 1);
	case IPPROTO_UDP:
		if (length < UDP_LEN || l4 + UDP_LEN > end)
			return MALFORMED;
		return judge_flow(&p, &conf.udp, 0);
	case IPPROTO_ICMP:
		if (length < ICMP_LEN || l4 + ICMP_LEN > end)
			return MALFORMED;
		return judge_icmp(&p);
	}
	return judge_default(OTHER_PROTOCOL);
}
