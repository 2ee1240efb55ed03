/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which buckets are this node's. A share is swapped as a whole: the daemon
 * fills another map and puts it in the place of the old one, so that a packet
 * meets one share or the other, never half of each.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "reason.h"
#include "rules.h"

#define BUCKETS   (1 << 16) /* pipeline.Buckets */
#define ECHO_RULE MAX_RULES /* stands for ICMP echo, which no rule covers */

struct share {
	__u16 set_of_rule[MAX_RULES + 4]; /* the last used is ECHO_RULE's */
	__u64 sets[][BUCKETS / 64];	  /* conf.max_sets of them */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 1);
		__uint(key_size, sizeof(__u32));
		__uint(value_size, sizeof(struct share));
	});
} shares SEC(".maps");

/* Whether a rule's bucket is this node's: ACCEPTED if so. */
static __always_inline enum reason has(__u32 rule, __u16 bucket)
{
	const struct share *share;
	__u32 key = 0, set;
	void *map;

	map = bpf_map_lookup_elem(&shares, &key);
	if (!map)
		return NOT_SERVING;
	share = bpf_map_lookup_elem(map, &key);
	if (!share || rule > ECHO_RULE)
		return NOT_SERVING;
	set = share->set_of_rule[rule];
	if (set >= conf.max_sets)
		return NOT_SERVING;
	if (share->sets[set][bucket / 64] & 1ULL << bucket % 64)
		return ACCEPTED;
	return NOT_MINE;
}
