//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The least that an XDP program can do: the yardsticks. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
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

char _license[] SEC("license") = "Dual BSD/GPL";
