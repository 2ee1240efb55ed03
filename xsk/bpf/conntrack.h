/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What conntrack says of a packet's flow, for rules whose packets this node
 * forwards. The kernel has the look-up from 6.0 on, with BTF of conntrack. Where
 * no rule forwards, the verifier finds the calls unreachable, so that the program
 * loads where the kernel lacks them, too.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flows.h"
#include "packet.h"
#include "rules.h"

/* What is read of the kernel's own types, wherever this kernel has it. */
struct ip_ct_tcp_state {
	__u32 td_end;
} __attribute__((preserve_access_index));

struct ip_ct_tcp {
	struct ip_ct_tcp_state seen[IP_CT_DIR_MAX];
	__u8 state;
} __attribute__((preserve_access_index));

union nf_conntrack_proto {
	struct ip_ct_tcp tcp;
} __attribute__((preserve_access_index));

struct nf_conn {
	unsigned long status;
	union nf_conntrack_proto proto;
} __attribute__((preserve_access_index));

/* The kernel's struct bpf_ct_opts as Linux 6.1 has it. Later ones have a zone at
 * its end, and take this one for the default zone. */
struct bpf_ct_opts___short {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir; /* of the entry, in which the tuple was found */
	__u8 reserved[2];
};

extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					 struct bpf_ct_opts___short *opts, __u32 opts_size) __ksym __weak;
extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					 struct bpf_ct_opts___short *opts, __u32 opts_size) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *ct) __ksym __weak;

/* How far back an acknowledgement may lie: more than windows are in practice. */
#define ACK_WINDOW (1 << 24)

/* An entry as a flow's state. One that is over, by a reset or since conntrack
 * gives it up, is none. So is one that this machine opened itself. */
static __always_inline enum flow state_of_entry(const struct nf_conn *ct, const struct bpf_ct_opts___short *opts)
{
	if (opts->dir != IP_CT_DIR_ORIGINAL || ct->status & IPS_DYING)
		return FLOW_NONE;
	if (opts->l4proto != IPPROTO_TCP)
		return FLOW_KNOWN;
	switch (ct->proto.tcp.state) {
	case TCP_CONNTRACK_CLOSE:
		return FLOW_NONE;
	case TCP_CONNTRACK_FIN_WAIT:
	case TCP_CONNTRACK_CLOSE_WAIT:
	case TCP_CONNTRACK_LAST_ACK:
	case TCP_CONNTRACK_TIME_WAIT:
		return FLOW_TIME_WAIT;
	}
	return FLOW_KNOWN;
}

/* Whether a client's packet goes on with a TCP flow that is being closed, or was:
 * it acknowledges what the server has sent. Else the client has taken the ports
 * again, and another node may have the new flow. A SYN always begins one (as
 * nf_conntrack_proto_tcp.c has it in TIME_WAIT, RFC 9293 3.6.1); a reset need not
 * acknowledge anything. */
static __always_inline int goes_on_closing(const struct nf_conn *ct, const struct packet *p)
{
	const struct tcphdr *tcp = p->l4;

	if (!has(p, sizeof(*tcp)) || tcp->syn)
		return 0;
	return !tcp->ack || ct->proto.tcp.seen[IP_CT_DIR_REPLY].td_end - bpf_ntohl(tcp->ack_seq) <= ACK_WINDOW;
}

/* What an entry says of the very packet. */
static __always_inline enum flow flow_of_entry(const struct nf_conn *ct, const struct bpf_ct_opts___short *opts,
					       const struct packet *p)
{
	const enum flow flow = state_of_entry(ct, opts);

	return flow != FLOW_TIME_WAIT || goes_on_closing(ct, p) ? flow : FLOW_NONE;
}

/* The question to conntrack. The packet is as the client sent it, before any
 * translation: so is its entry's original direction. */
struct question {
	struct bpf_sock_tuple tuple;
	__u32 length; /* of the tuple */
	struct bpf_ct_opts___short opts;
};

static __always_inline struct question question(const struct packet *p)
{
	struct question q = {.opts = {.netns_id = BPF_F_CURRENT_NETNS, .l4proto = p->protocol}};

	q.length = set_tuple(&q.tuple, p);
	return q;
}

static __always_inline enum flow entry(const struct packet *p)
{
	struct question q = question(p);
	struct nf_conn *ct;
	enum flow flow;

	if (conf.test_flows)
		return test_flow(p) >> 8;
	ct = bpf_xdp_ct_lookup(p->ctx, &q.tuple, q.length, &q.opts, sizeof(q.opts));
	if (!ct)
		return FLOW_NONE;
	flow = flow_of_entry(ct, &q.opts, p);
	bpf_ct_release(ct);
	return flow;
}

/* The same of a packet that is in an sk_buff. */
static __always_inline enum flow entry_of_skb(struct __sk_buff *skb, const struct packet *p)
{
	struct question q = question(p);
	struct nf_conn *ct;
	enum flow flow;

	if (conf.test_flows)
		return test_flow(p) >> 8;
	ct = bpf_skb_ct_lookup(skb, &q.tuple, q.length, &q.opts, sizeof(q.opts));
	if (!ct)
		return FLOW_NONE;
	flow = flow_of_entry(ct, &q.opts, p);
	bpf_ct_release(ct);
	return flow;
}

/* What this machine knows of a TCP packet's flow. */
static __always_inline enum flow tcp_flow(const struct packet *p, int forwarded)
{
	enum flow flow = forwarded ? entry(p) : FLOW_NONE;

	return known(flow) ? flow : flow_of(p);
}
