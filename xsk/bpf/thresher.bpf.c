//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel programs. The XDP program tells VIP traffic from all other, and
 * decides about it by itself as far as conf.offload says; the rest goes to the
 * AF_XDP socket of its queue. What it passes untouched it does not count.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "capture.h"
#include "ethernet.h"
#include "extensions.h"
#include "facts.h"
#include "fence.h"
#include "judge.h"
#include "lease.h"
#include "maps.h"
#include "packet.h"
#include "pieces.h"
#include "relay.h"
#include "settled.h"
#include "vlan.h"

#define ETH_P_WIRE 0x88b6 /* wire.EtherType */
#define IP_PROBE   253	  /* wire.Protocol */

static __always_inline void to_nic(struct ethhdr *eth)
{
	const mac_t nic = conf.nic;

	*(__u32 *)eth = nic;
	*(__u16 *)((void *)eth + 4) = nic >> 32;
}

/* A frame that is for no VIP: dropped if it was sent to a VMAC. */
static __always_inline int stray(struct xdp_md *ctx, const struct ethhdr *eth)
{
	const mac_t dst = destination(eth);

	if (dst == conf.nic || !is_vmac(dst))
		return XDP_PASS;
	dispose(ctx, NOT_VIP);
	return XDP_DROP;
}

/* Address resolution always passes, ARP and neighbour discovery alike. A client
 * re-checks its cache by asking the VMAC itself; the interface takes that only under
 * its own address. */
static __always_inline int neighbour(struct xdp_md *ctx, struct ethhdr *eth)
{
	const mac_t dst = destination(eth);

	if (dst != conf.nic && is_vmac(dst)) {
		dispose(ctx, ACCEPTED_NEIGHBOUR);
		to_nic(eth);
	}
	return XDP_PASS;
}

static __always_inline int arp(struct xdp_md *ctx, struct ethhdr *eth, void *end)
{
	return (void *)(eth + 1) + ARP_LEN <= end ? neighbour(ctx, eth) : XDP_PASS;
}

/* Whether a packet goes on with a TCP flow that is here. */
static __always_inline int tcp_goes_on(const struct packet *p)
{
	const struct ports *ports = p->l4;
	__u32 rule;

	if (p->protocol != IPPROTO_TCP || p->first || !has(p, TCP_MIN_LEN) || opens(p->l4) ||
	    (!p->six && ipv4_of(p)->frag_off & bpf_htons(IP_FRAGMENT)))
		return 0;
	rule = rule_of(&conf.tcp, p->vip, ports->dst);
	return rule != RULE_BLOCK && known(tcp_flow(p, forwards(rule)));
}

/* The same of UDP that no rule names, and a connected socket has. */
static __always_inline int own_udp_goes_on(const struct packet *p)
{
	const struct ports *ports = p->l4;

	if (p->protocol != IPPROTO_UDP || p->first || !has(p, UDP_LEN) ||
	    (!p->six && ipv4_of(p)->frag_off & bpf_htons(IP_FRAGMENT)) ||
	    rule_of(&conf.udp, p->vip, ports->dst) != RULE_NONE)
		return 0;
	return known(flow_of_udp(p->ctx, p));
}

/* The packet of a frame; NULL for ip if its header is not there. */
static __always_inline struct packet packet_of(struct xdp_md *ctx, int six, __u32 vip)
{
	void *ip = (void *)(long)ctx->data + sizeof(struct ethhdr), *end = (void *)(long)ctx->data_end;
	struct packet p = {};

	if (six && ip + sizeof(struct ipv6hdr) <= end)
		p = packet6(ctx, ip, end);
	if (!six && ip + sizeof(struct iphdr) <= end)
		p = packet4(ctx, ip, end);
	p.six = six;
	p.vip = vip;
	return p;
}

/* On to another node. */
static __always_inline int forward(struct xdp_md *ctx, struct ethhdr *eth, mac_t to)
{
	dispose(ctx, FORWARDED);
	readdress_to(eth, to);
	return XDP_TX;
}

/* Nobody reads: the daemon is gone or going, or the frame does not fit into a socket.
 * Connections that are here go on, and nothing else is let in, for every node without
 * a reader would do so. What reached this node alone goes on to its owner, if that is
 * known: to is its address, or 0. */
static __always_inline int unread(struct xdp_md *ctx, int six, __u32 vip, mac_t to, enum reason why)
{
	const struct packet p = packet_of(ctx, six, vip);
	struct ethhdr *eth = (void *)(long)ctx->data;

	if (!p.ip || (!tcp_goes_on(&p) && !own_udp_goes_on(&p)) || (void *)(eth + 1) > (void *)(long)ctx->data_end) {
		if (conf.relays && to && (void *)(eth + 1) <= (void *)(long)ctx->data_end)
			return forward(ctx, eth, to);
		dispose(ctx, why);
		return XDP_DROP;
	}
	dispose(ctx, ACCEPTED_KNOWN);
	to_nic(eth);
	return XDP_PASS;
}

/* To the socket of the queue. */
static __always_inline int ask(const struct packet *p)
{
	struct xdp_md *ctx = p->ctx;
	int action;

	add_facts(p);
	action = bpf_redirect_map(&sockets, ctx->rx_queue_index, 0);
	if (action == XDP_REDIRECT)
		return action;
	return unread(ctx, p->six, p->vip, p->to, NO_READER);
}

static __always_inline int vip_packet(struct packet *p, struct ethhdr *eth)
{
	enum reason reason;

	if (conf.offload == OFFLOAD_NONE && !relays(p) && !handover && fits_socket(p->ctx))
		return ask(p);
	reason = judge(p);
	/* It was judged for where it goes to if nobody reads. */
	if (conf.offload == OFFLOAD_NONE && !handover && fits_socket(p->ctx))
		return ask(p);
	if (reason >= NOT_MINE) {
		dispose(p->ctx, reason);
		return XDP_DROP;
	}
	if (is_held(reason)) {
		if (!handover && fits_socket(p->ctx))
			return ask(p);
		return unread(p->ctx, p->six, p->vip, p->to, handover ? NO_READER : TOO_LONG);
	}
	if (conf.offload == OFFLOAD_REJECT && !handover && fits_socket(p->ctx))
		return ask(p);
	if (conf.relays && reason == FORWARDED)
		return forward(p->ctx, eth, p->to);
	dispose(p->ctx, reason);
	count_opening(p);
	to_nic(eth);
	return XDP_PASS;
}

/* A packet like a client's that asks whether the VMAC reaches this node. Under the
 * EtherType of such questions it passes the stack by, firewall and all, to the one
 * socket that wants it. */
static __always_inline int probe(struct ethhdr *eth)
{
	*(__be16 *)((void *)eth + 2 * ETH_ALEN) = bpf_htons(ETH_P_WIRE);
	return XDP_PASS;
}

/* Each family is a function of its own, so that what one needs of registers and of
 * the stack costs the other nothing: a program has 512 bytes over all calls, each
 * rounded up to 32 (kernel/bpf/verifier.c, check_max_stack_depth). */
static __noinline int vip_packet4(struct xdp_md *ctx, __u32 vip)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = (void *)(eth + 1);
	struct packet p;

	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	if (ip->protocol == IP_PROBE && destination(eth) != conf.nic)
		return probe(eth);
	p = packet4(ctx, ip, end);
	p.vip = vip;
	p.relays = must_relay(eth, vip);
	return vip_packet(&p, eth);
}

static __always_inline int ipv4(struct xdp_md *ctx, struct ethhdr *eth, void *end)
{
	struct iphdr *ip = (void *)(eth + 1);
	__u32 vip;

	if ((void *)(ip + 1) > end)
		return stray(ctx, eth);
	vip = vip_of(ip->daddr);
	if (vip >= MAX_VIPS)
		return stray(ctx, eth);
	if (!is_for_us(eth, vip))
		return XDP_PASS;
	switch (settled4(ctx, ip, end, vip)) {
	case NOT_MINE:
		dispose(ctx, NOT_MINE);
		return XDP_DROP;
	case ACCEPTED:
		dispose(ctx, ACCEPTED);
		to_nic(eth);
		return XDP_PASS;
	default:
		return vip_packet4(ctx, vip);
	}
}

static __noinline int ipv6(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = (void *)(eth + 1);
	struct packet p;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if ((void *)(ip + 1) > end)
		return stray(ctx, eth);
	p = packet6(ctx, ip, end);
	if (is_neighbour(&p))
		return neighbour(ctx, eth);
	p.vip = vip_of6(&ip->daddr);
	if (p.vip >= MAX_VIPS)
		return stray(ctx, eth);
	if (!is_for_us(eth, p.vip))
		return XDP_PASS;
	if (ip->nexthdr == IP_PROBE && destination(eth) != conf.nic)
		return probe(eth);
	p.relays = must_relay(eth, p.vip);
	return vip_packet(&p, eth);
}

SEC("xdp")
int thresher(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(eth + 1) > end || !armed)
		return XDP_PASS;
	if (ethertype(eth) == bpf_htons(ETH_P_8021Q)) {
		if (!has_priority_tag(ctx))
			return XDP_PASS;
		if (!untag(ctx))
			return XDP_DROP;
		eth = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
		if ((void *)(eth + 1) > end)
			return XDP_DROP;
	}
	switch (ethertype(eth)) {
	case bpf_htons(ETH_P_IP):
		return ipv4(ctx, eth, end);
	case bpf_htons(ETH_P_IPV6):
		return ipv6(ctx);
	case bpf_htons(ETH_P_ARP):
		return arp(ctx, eth, end);
	}
	return XDP_PASS;
}

/*
 * A veth decides before the XDP program whom a frame is for, and does not look
 * again when the program has written the interface's own address into it: the
 * frame was another host's, or a group's. This one looks again; it is attached to
 * veths alone.
 */
SEC("tc")
int readdress(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if (skb->pkt_type != PACKET_HOST && (void *)(eth + 1) <= (void *)(long)skb->data_end &&
	    destination(eth) == conf.nic)
		bpf_skb_change_type(skb, PACKET_HOST);
	return TC_ACT_UNSPEC;
}

/* On the way of frames from the sockets to the stack. */
SEC("tc")
int fence(struct __sk_buff *skb)
{
	return fence_frame(skb);
}

struct deadline {
	__u64 ns; /* of CLOCK_BOOTTIME; 0 is a fenced node */
};

/* Run by the daemon, so that both clocks are read at one moment; returns whether
 * the node is fenced. */
SEC("syscall")
int set_lease(struct deadline *deadline)
{
	return set_deadline(deadline->ns);
}

/* Run by the daemon: one store, which no packet sees the half of. */
SEC("syscall")
int set_grant(struct deadline *deadline)
{
	sticky_grant = deadline->ns;
	return 0;
}

/* Keeps the lists of numbers in the object's BTF, where tests read them. */
const struct {
	enum reason *reason;
	enum offload *offload;
	enum flow *flow;
	enum client *client;
	enum unruled *unruled;
} enums_in_btf __attribute__((unused));

char _license[] SEC("license") = "Dual BSD/GPL";
