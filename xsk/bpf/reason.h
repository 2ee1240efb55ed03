/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Why a frame got its verdict: package pipeline's Reason, number by number.
 * A test compares the two lists through the object's BTF.
 */
#pragma once

#include <bpf/bpf_helpers.h>

enum reason {
	OTHER,
	ACCEPTED,
	ACCEPTED_KNOWN,
	ACCEPTED_STICKY,
	ACCEPTED_ECHO,
	ACCEPTED_ICMP_ERROR,
	ACCEPTED_NEIGHBOUR,
	ACCEPTED_OWN,
	ACCEPTED_DEFAULT,
	FORWARDED,
	PARKED,
	PARKED_STICKY,
	FRAGMENT,
	COPIED,
	NOT_MINE,
	NOT_SERVING,
	NOT_VIP,
	NO_RULE,
	BLOCKED,
	MALFORMED,
	OTHER_PROTOCOL,
	OTHER_ICMP,
	MARTIAN,
	PORT_ZERO,
	FENCED,
	UNKNOWN_FLOW,
	HALF_OPEN_ELSEWHERE,
	LATE,
	PARK_FULL,
	STICKY_ELSEWHERE,
	FRAGMENT_ORPHAN,
	NO_READER,
	TOO_LONG,
	REASON_LEN,
};

/* Whether the pipeline keeps the packet for a moment: it must be asked. */
static __always_inline int is_held(enum reason reason)
{
	return reason >= PARKED && reason < NOT_MINE;
}
