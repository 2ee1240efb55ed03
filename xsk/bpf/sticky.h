/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Clients that stay with their node: those that this one has let in, and what it
 * has learnt of those that come to it in buckets that were another's.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "packet.h"
#include "rules.h"

#define MAX_CLIENTS (1 << 17)

/* A client of a rule: an address or, with affinity network, the first of its
 * network, as IPv6 has it (RFC 4291 2.5.5.2). */
struct client_key {
	__be32 client[4];
	__u32 rule;
};

/* Clients that this node has let in, and when last, in ns of CLOCK_BOOTTIME. When it
 * is full, further ones are not remembered: nothing but the daemon takes one out. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_CLIENTS);
	__type(key, struct client_key);
	__type(value, __u64);
} clients SEC(".maps");

enum client {
	CLIENT_UNKNOWN,
	CLIENT_MINE,	  /* no other node remembers it */
	CLIENT_ELSEWHERE, /* another one does */
};

/* What was learnt of clients in sticky buckets of this node's: an enum client. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_CLIENTS);
	__type(key, struct client_key);
	__type(value, __u32);
} learnt SEC(".maps");

/* Until when clients of this node may open flows in buckets of others, in ns of
 * CLOCK_BOOTTIME. */
volatile __u64 sticky_grant;

static __always_inline struct client_key client_key(const struct packet *p, __u32 rule)
{
	const volatile struct hashed *hashed = &conf.hashed[bounded(rule, MAX_RULES)];
	struct client_key key = {.rule = rule};

	source_of(p, key.client);
	if (p->six) {
		key.client[0] &= hashed->mask6[0];
		key.client[1] &= hashed->mask6[0] >> 32;
		key.client[2] &= hashed->mask6[1];
		key.client[3] &= hashed->mask6[1] >> 32;
	} else {
		key.client[3] &= (__u32)hashed->mask4;
	}
	return key;
}

static __always_inline int granted(void)
{
	return bpf_ktime_get_boot_ns() < sticky_grant;
}

static __always_inline int remembered(const struct client_key *key)
{
	return bpf_map_lookup_elem(&clients, key) != NULL;
}

static __always_inline enum client what_is_learnt(const struct client_key *key)
{
	const __u32 *client = bpf_map_lookup_elem(&learnt, key);

	return client ? *client : CLIENT_UNKNOWN;
}

/* flags: BPF_ANY, or BPF_EXIST for a client that must be there. */
static __always_inline void remember(const struct client_key *key, __u64 flags)
{
	__u64 now = bpf_ktime_get_boot_ns();

	bpf_map_update_elem(&clients, key, &now, flags);
}
