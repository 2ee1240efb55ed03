/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A compiled configuration, as package pipeline's Rules has it. It is constant
 * for a loaded program: another configuration is another program, put in the
 * place of this one at one stroke.
 */
#pragma once

#include <linux/in6.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>

#include "packet.h"

#define MAX_VIPS    64   /* config.MaxVIPs */
#define MAX_RULES   256  /* config.MaxRules */
#define VIP_BITS    12   /* pipeline.VIPSlots is 1 << VIP_BITS */
#define VIP_BITS6   10   /* pipeline.VIPSlots6 is 1 << VIP_BITS6 */
#define MAX_CLASSES 1024 /* pipeline.MaxClasses */
#define RULE_NONE   0xffff
#define RULE_BLOCK  0xfffe /* of a rule that nobody serves */

enum offload {
	OFFLOAD_NONE = 1,
	OFFLOAD_REJECT,
	OFFLOAD_FULL,
};

/* What of a packet is hashed to its bucket, by its rule's affinity: package
 * pipeline's Hashed. */
struct hashed {
	__u64 mask4; /* of client4 */
	__u64 mask6[2];
	__u64 port6;
};

/* The bucket hash's numbers: package pipeline's Multilinear. */
struct multilinear {
	__u64 start4, start6;
	__u64 add[6];
	__u64 mix;
	__u64 start_again;
	__u64 add_again[2];
};

/* SipHash's state. */
struct sip {
	__u64 v0, v1, v2, v3;
};

enum unruled {
	DEFAULT_DENY = 1,
	DEFAULT_PASS,
	DEFAULT_SINGLE,
};

/* An Ethernet address: its six bytes as on the wire, in the low 48 bits. */
typedef __u64 mac_t;

#define MAC_MASK 0xffffffffffffULL

struct vip_slot {
	__be32 addr;
	__u32 number; /* plus one; 0 is an empty slot */
};

struct vip_slot6 {
	__u64 lo, hi; /* the halves of the address */
	__u32 number;
};

#define VIP_FOLD 0x9e3779b97f4a7c15ULL /* pipeline.VIPFold */

/* Which rule holds for a port on a VIP. */
struct classes {
	__u16 of_port[1 << 16];
	__u16 rule[MAX_CLASSES][MAX_VIPS];
};

/* What a packet needs is in front: what lies within 32 KB is read by one instruction. */
struct rules {
	struct multilinear multilinear; /* the bucket hash */
	mac_t nic;
	__u64 multiplier6;
	__u32 multiplier;
	__u32 offload;
	__u32 siphash;	/* whether that is the bucket hash */
	__u32 forwards; /* how many rules do */
	__u32 relays;	/* how many VIPs are in mode directed */
	__u32 formers;	/* how many have a former VMAC */
	__u32 pieces;	/* whether frames may come in pieces (BPF_F_XDP_HAS_FRAGS) */
	__u32 unruled;	/* what becomes of packets under no rule */
	__u32 vips;	/* how many there are */
	__u32 max_parts;    /* of a share: the daemon makes room for so many in each slot */
	__u32 socket_frame; /* the longest that a socket takes, in bytes; 0: any */
	__u32 test_flows;   /* how many flows a test makes up; 0: the kernel's sockets count */
	struct sip begun;
	mac_t vmacs[MAX_VIPS];
	mac_t former[MAX_VIPS];	  /* VMACs before a VIP's mode was changed; 0 for none */
	__u8 directed[MAX_VIPS];  /* whether the VIP's mode is that */
	__u8 sticky[MAX_RULES];	  /* whether clients stay with their node */
	__u8 forward[MAX_RULES];  /* whether its flows are conntrack's */
	struct hashed hashed[MAX_RULES];
	struct vip_slot slots[1 << VIP_BITS];
	struct vip_slot6 slots6[1 << VIP_BITS6];
	struct classes tcp;
	struct classes udp;
};

const volatile struct rules conf;

/*
 * An index below a power of two, bounded again where it is used. Of a value that was
 * compared as a copy Linux 6.1 does not know what the comparison has shown, and the
 * compiler leaves out a mask that does nothing.
 */
static __always_inline __u32 bounded(__u32 index, __u32 size)
{
	barrier_var(index);
	return index & (size - 1);
}

/* The number of a VIP; MAX_VIPS and more is none. */
static __always_inline __u32 vip_of(__be32 addr)
{
	const volatile struct vip_slot *slot = &conf.slots[(__u32)addr * conf.multiplier >> (32 - VIP_BITS)];
	__u32 vip = slot->number - 1;

	return slot->addr == addr ? vip : RULE_NONE;
}

static __always_inline __u32 vip_of6(const struct in6_addr *addr)
{
	const __u64 lo = first_half(addr), hi = last_half(addr);
	const volatile struct vip_slot6 *slot =
		&conf.slots6[(__builtin_bswap64(lo) * VIP_FOLD + __builtin_bswap64(hi)) * conf.multiplier6 >> (64 - VIP_BITS6)];
	__u32 vip = slot->number - 1;

	return slot->lo == lo && slot->hi == hi ? vip : RULE_NONE;
}

/* The rule of a port on a VIP; MAX_RULES and more is none. */
static __always_inline __u32 rule_of(const volatile struct classes *classes, __u32 vip, __be16 port)
{
	return classes->rule[classes->of_port[bpf_ntohs(port)] % MAX_CLASSES][bounded(vip, MAX_VIPS)];
}

/* The first of the two is a constant to the verifier: see conntrack.h. */
static __always_inline int forwards(__u32 rule)
{
	return conf.forwards && rule < MAX_RULES && conf.forward[bounded(rule, MAX_RULES)];
}
