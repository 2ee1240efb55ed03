//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A switch's port: learn looks at what comes in by it, forward at what is about
 * to go out.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* RFC 2236 §2.1, RFC 3376 §4, RFC 2710 §3.1, RFC 3810 §5. */
#define IGMP_V1_REPORT 0x12
#define IGMP_V2_REPORT 0x16
#define IGMP_LEAVE     0x17
#define IGMP_V3_REPORT 0x22
#define MLD_V1_REPORT  131
#define MLD_DONE       132
#define MLD_V2_REPORT  143

/* Types of records, RFC 3376 §4.2.12. */
#define MODE_IS_INCLUDE	  1
#define CHANGE_TO_INCLUDE 3
#define BLOCK_OLD_SOURCES 6

struct member {
	__u32 port; /* ifindex */
	__u8 mac[ETH_ALEN];
	__u8 pad[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct member);
	__type(value, __u8);
} members SEC(".maps");

/* A group as a report has it: its last four bytes make its Ethernet address. */
struct report {
	struct __sk_buff *skb;
	__u32 at;	  /* where the next record is */
	__u32 group_len;  /* 4 or 16 */
};

static __always_inline void set(struct __sk_buff *skb, __u32 at, __u32 group_len, int joins)
{
	struct member m = {.port = skb->ifindex};
	__u8 one = 1;

	if (bpf_skb_load_bytes(skb, at + group_len - 4, &m.mac[2], 4))
		return;
	m.mac[0] = m.mac[1] = 0x33; /* RFC 2464 §7 */
	if (group_len == 4) {	    /* RFC 1112 §6.4 */
		m.mac[0] = 0x01;
		m.mac[1] = 0x00;
		m.mac[2] = 0x5e;
		m.mac[3] &= 0x7f;
	}
	if (joins)
		bpf_map_update_elem(&members, &m, &one, BPF_ANY);
	else
		bpf_map_delete_elem(&members, &m);
}

/* One record: type, length of what nobody uses, sources, group. */
static long record(__u32 index, struct report *r)
{
	struct {
		__u8 type, aux;
		__be16 sources;
	} head;

	(void)index;
	if (bpf_skb_load_bytes(r->skb, r->at, &head, sizeof(head)))
		return 1;
	if (head.type != BLOCK_OLD_SOURCES) {
		int leaves = (head.type == CHANGE_TO_INCLUDE || head.type == MODE_IS_INCLUDE) && !head.sources;

		set(r->skb, r->at + sizeof(head), r->group_len, !leaves);
	}
	r->at += sizeof(head) + r->group_len * (1 + bpf_ntohs(head.sources)) + 4 * head.aux;
	return 0;
}

static __always_inline void records(struct __sk_buff *skb, __u32 at, __u32 group_len)
{
	struct report r = {.skb = skb, .at = at + 8, .group_len = group_len};
	__be16 n;

	if (bpf_skb_load_bytes(skb, at + 6, &n, sizeof(n)))
		return;
	bpf_loop(bpf_ntohs(n), record, &r, 0);
}

static __always_inline void igmp(struct __sk_buff *skb, __u32 at)
{
	__u8 type;

	if (bpf_skb_load_bytes(skb, at, &type, 1))
		return;
	if (type == IGMP_V3_REPORT)
		records(skb, at, 4);
	else if (type == IGMP_V1_REPORT || type == IGMP_V2_REPORT || type == IGMP_LEAVE)
		set(skb, at + 4, 4, type != IGMP_LEAVE);
}

static __always_inline void mld(struct __sk_buff *skb, __u32 at)
{
	__u8 type;

	if (bpf_skb_load_bytes(skb, at, &type, 1))
		return;
	if (type == MLD_V2_REPORT)
		records(skb, at, 16);
	else if (type == MLD_V1_REPORT || type == MLD_DONE)
		set(skb, at + 8, 16, type != MLD_DONE);
}

SEC("tc")
int learn(struct __sk_buff *skb)
{
	__u8 ip[40], option[8];

	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		if (!bpf_skb_load_bytes(skb, ETH_HLEN, ip, 20) && ip[9] == IPPROTO_IGMP)
			igmp(skb, ETH_HLEN + (ip[0] & 15) * 4);
		break;
	case bpf_htons(ETH_P_IPV6):
		/* A router alert comes before every MLD message (RFC 2710 §3). */
		if (!bpf_skb_load_bytes(skb, ETH_HLEN, ip, 40) && ip[6] == IPPROTO_HOPOPTS &&
		    !bpf_skb_load_bytes(skb, ETH_HLEN + 40, option, 8) && option[0] == IPPROTO_ICMPV6)
			mld(skb, ETH_HLEN + 40 + 8 * (1 + option[1]));
	}
	return TC_ACT_UNSPEC;
}

SEC("tc")
int forward(struct __sk_buff *skb)
{
	struct member m = {.port = skb->ifindex};
	int v4, v6;

	if (bpf_skb_load_bytes(skb, 0, m.mac, ETH_ALEN))
		return TC_ACT_UNSPEC;
	v4 = m.mac[0] == 0x01 && m.mac[1] == 0x00 && m.mac[2] == 0x5e && !(m.mac[3] & 0x80);
	v6 = m.mac[0] == 0x33 && m.mac[1] == 0x33;
	if (!v4 && !v6)
		return TC_ACT_UNSPEC;
	/* 224.0.0.0/24, and ff02::1 to ff02::ff */
	if ((v4 || !m.mac[2]) && !m.mac[3] && !m.mac[4])
		return TC_ACT_UNSPEC;
	return bpf_map_lookup_elem(&members, &m) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
