/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which buckets are this node's, package pipeline's Part by Part. SLOTS shares
 * take turns: one is judged by, some may be yet, another is written, and one store
 * of share_slot changes their parts, so that a packet meets one share or another,
 * never half of two.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "rules.h"

#define BUCKETS   (1 << 16) /* pipeline.Buckets */
#define ECHO_RULE MAX_RULES /* stands for ICMP echo, which no rule covers */
#define SLOTS	  4

/* The size of part_of_rule: powers of two, see bounded. */
#define SHARES	    8 /* more than SLOTS */
#define RULE_PLACES 512

/* 64 buckets. What a packet of a settled bucket needs is in one cache line. */
struct word {
	__u64 mine;
	__u64 unsettled; /* those of ask are among them */
};

struct part {
	struct word words[BUCKETS / 64];
	__u64 ask[BUCKETS / 64];
	__u64 sticky[BUCKETS / 64]; /* all of them unsettled */
};

/* The share that is judged by: 0 is none, n is slot n - 1. */
volatile __u32 share_slot;

/*
 * Where each rule's part is in maps of parts, counted from 1, by share_slot; 0 is
 * nowhere, as for all rules of no share. The last used is ECHO_RULE's.
 */
volatile __u16 part_of_rule[SHARES][RULE_PLACES];

/* As many for each slot as conf.max_parts. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct part);
} parts SEC(".maps");

/* Where a rule's part of a share is in maps of parts; behind their end if it is nowhere. */
static __always_inline __u32 part_key(__u32 share, __u32 rule)
{
	return part_of_rule[bounded(share, SHARES)][bounded(rule, RULE_PLACES)] - 1;
}

/* This node's part of a rule in a share; NULL if it serves nothing. */
static __always_inline const struct part *part_in(__u32 share, __u32 rule)
{
	const __u32 key = part_key(share, rule);

	return bpf_map_lookup_elem(&parts, &key);
}

/* The same in the share that is judged by. */
static __always_inline const struct part *part_of(__u32 rule)
{
	return part_in(share_slot, rule);
}

static __always_inline int is_mine(const struct part *part, __u16 bucket)
{
	return part->words[bucket / 64].mine >> bucket % 64 & 1;
}

static __always_inline int is_unsettled(const struct part *part, __u16 bucket)
{
	return part->words[bucket / 64].unsettled >> bucket % 64 & 1;
}

static __always_inline int is_ask(const struct part *part, __u16 bucket)
{
	return part->ask[bucket / 64] >> bucket % 64 & 1;
}

static __always_inline int is_sticky(const struct part *part, __u16 bucket)
{
	return part->sticky[bucket / 64] >> bucket % 64 & 1;
}
