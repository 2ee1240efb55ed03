//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The least that an XDP program can do: the yardsticks. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* The interface's own address, as on the wire. */
const volatile __u8 nic[ETH_ALEN];

/* The least that lets frames to a VMAC in: each gets the interface's own address. */
SEC("xdp")
int pass_vmac(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) <= (void *)(long)ctx->data_end)
		for (int i = 0; i < ETH_ALEN; i++)
			eth->h_dest[i] = nic[i];
	return XDP_PASS;
}

/* What a veth needs for that beside: it has decided too early whom a frame is for. */
SEC("tc")
int to_host(struct __sk_buff *skb)
{
	if (skb->pkt_type == PACKET_OTHERHOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return TC_ACT_UNSPEC;
}

/* The Ethernet address of another machine. */
const volatile __u8 other[ETH_ALEN];

/* The least that sends a frame on: back out, from here to there. */
SEC("xdp")
int send_on(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	for (int i = 0; i < ETH_ALEN; i++) {
		eth->h_dest[i] = other[i];
		eth->h_source[i] = nic[i];
	}
	return XDP_TX;
}

/* What send_on and its like are measured by: the wire's other end counts their
 * frames and takes them off it, and lets the farm's own pass. */
const volatile __u16 sink_port;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sunk SEC(".maps");

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1); /* the generator's have no options */
	__u32 zero = 0;
	__u64 *n;

	if ((void *)(udp + 1) > (void *)(long)ctx->data_end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(sink_port))
		return XDP_PASS;
	n = bpf_map_lookup_elem(&sunk, &zero);
	if (n)
		++*n;
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
