/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How long this node may let new flows in. The daemon renews the deadline; when
 * it does not, for whatever reason, the node is fenced.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The same moment by two clocks; 0 is a fenced node. */
volatile __u64 lease_boot;    /* ns of CLOCK_BOOTTIME */
volatile __u64 lease_jiffies; /* ticks; a tick too early rather than too late */

/* A tick in ns, TICK_NSEC: clock_getres(CLOCK_MONOTONIC_COARSE). */
const volatile __u64 tick = 4000000;

/* For packets that open a TCP flow: the exact clock, 43 ns. */
static __always_inline int lease_exact(void)
{
	return bpf_ktime_get_boot_ns() < lease_boot;
}

/* For all others: a load, since the verifier inlines the helper. */
static __always_inline int lease_coarse(void)
{
	return bpf_jiffies64() < lease_jiffies;
}

/* deadline is in ns of CLOCK_BOOTTIME; returns whether it is over. Ticks are
 * counted late when a processor has slept, by one at most before a packet is
 * looked at: hence the - 1. */
static __always_inline int set_deadline(__u64 deadline)
{
	__u64 now = bpf_ktime_get_boot_ns();

	if (deadline <= now) {
		lease_boot = 0;
		lease_jiffies = 0;
		return 1;
	}
	lease_boot = deadline;
	lease_jiffies = bpf_jiffies64() + (deadline - now) / tick - 1;
	return 0;
}
