//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The XDP program: tells VIP traffic from all other, and hands it to the
 * AF_XDP socket of its queue. What it passes untouched it does not count.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"

#define ARP_LEN 28 /* RFC 826, Ethernet and IPv4 */

static __always_inline int same_mac(const __u8 *a, const volatile struct mac *b)
{
	const __u16 *x = (const __u16 *)a;
	const volatile __u16 *y = (const volatile __u16 *)b->addr;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

static __always_inline int is_vmac(const __u8 *addr)
{
	struct mac key;

	__builtin_memcpy(key.addr, addr, ETH_ALEN);
	return bpf_map_lookup_elem(&vmacs, &key) != 0;
}

static __always_inline void to_nic(struct ethhdr *eth)
{
	for (int i = 0; i < ETH_ALEN; i++)
		eth->h_dest[i] = nic.addr[i];
}

/* A frame that is for no VIP: dropped if it was sent to a VMAC. */
static __always_inline int stray(const struct ethhdr *eth)
{
	if (same_mac(eth->h_dest, &nic) || !is_vmac(eth->h_dest))
		return XDP_PASS;
	count(NOT_VIP);
	return XDP_DROP;
}

/* ARP always passes. A client re-checks its cache by asking the VMAC itself;
 * the interface takes that only under its own address. */
static __always_inline int arp(struct ethhdr *eth, void *end)
{
	if ((void *)(eth + 1) + ARP_LEN <= end && is_vmac(eth->h_dest)) {
		to_nic(eth);
		count(ACCEPTED_NEIGHBOUR);
	}
	return XDP_PASS;
}

/* To the socket of the queue, or nowhere: a node without a reader must not let
 * the packet through, for then every such node would accept it. */
static __always_inline int ask(struct xdp_md *ctx)
{
	int action = bpf_redirect_map(&sockets, ctx->rx_queue_index, 0);

	if (action == XDP_REDIRECT)
		return action;
	count(NO_READER);
	return XDP_DROP;
}

static __always_inline int ipv4(struct xdp_md *ctx, struct ethhdr *eth, void *end)
{
	struct iphdr *ip = (void *)(eth + 1);
	const struct mac *vmac;

	if ((void *)(ip + 1) > end)
		return stray(eth);
	vmac = bpf_map_lookup_elem(&vips, &ip->daddr);
	if (!vmac)
		return stray(eth);
	if (!same_mac(eth->h_dest, vmac) && !same_mac(eth->h_dest, &nic))
		return XDP_PASS;
	return ask(ctx);
}

SEC("xdp")
int thresher(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return ipv4(ctx, eth, end);
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return arp(eth, end);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
