/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the daemon and the program tell each other, but for rules and shares. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "reason.h"

/* Most receive queues of an interface: xsk.MaxQueues. */
#define MAX_QUEUES 256

/* Whether VIP traffic is taken at all: 0 until the sockets are ready, so that a
 * program without its daemon's readers touches nothing. */
volatile __u32 armed;

/* Whether the readers are about to go, or not there yet: the program decides
 * alone, and asks nobody. */
volatile __u32 handover;

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

/* TCP packets that open a connection, and went to the stack: from here, or from a
 * socket. One that its client sends again counts again. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} opened SEC(".maps");

/* Of no use to the program: replacing what is in it makes the kernel wait until
 * all programs that run have ended. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 1);
		__type(key, __u32);
		__type(value, __u32);
	});
} barrier SEC(".maps");

static __always_inline void count(enum reason reason)
{
	__u32 key = reason;
	__u64 *n = bpf_map_lookup_elem(&counters, &key);

	if (n)
		(*n)++;
}
