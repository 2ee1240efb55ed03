/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the daemon and the program tell each other. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "reason.h"

/* Most VIPs of a farm: config.MaxVIPs. */
#define MAX_VIPS 64
/* Most receive queues of an interface. */
#define MAX_QUEUES 256

struct mac {
	__u8 addr[ETH_ALEN];
};

/* The interface's own Ethernet address; the daemon writes it before attaching. */
volatile struct mac nic;

/* VIP (network byte order) -> its VMAC. Empty until the sockets are ready, so
 * that a program without its daemon's readers takes nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_VIPS);
	__type(key, __be32);
	__type(value, struct mac);
} vips SEC(".maps");

/* The VMACs as a set, for frames that are sent to one without being for a VIP. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_VIPS);
	__type(key, struct mac);
	__type(value, __u8);
} vmacs SEC(".maps");

/* Receive queue -> its AF_XDP socket. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

/* Frames that the program itself disposed of, by reason. Frames handed to a
 * socket are counted by whoever reads the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASON_LEN);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(enum reason reason)
{
	__u32 key = reason;
	__u64 *n = bpf_map_lookup_elem(&counters, &key);

	if (n)
		(*n)++;
}
