/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Why a frame got its verdict: package pipeline's Reason, number by number.
 * A test compares the two lists through the object's BTF.
 */
#pragma once

enum reason {
	OTHER,
	ACCEPTED,
	ACCEPTED_KNOWN,
	ACCEPTED_STICKY,
	ACCEPTED_ECHO,
	ACCEPTED_ICMP_ERROR,
	ACCEPTED_NEIGHBOUR,
	PARKED,
	PARKED_STICKY,
	NOT_MINE,
	NOT_SERVING,
	NOT_VIP,
	NO_RULE,
	BLOCKED,
	MALFORMED,
	FRAGMENT,
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
	NO_READER,
	REASON_LEN,
};
