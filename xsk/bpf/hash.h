/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The bucket of a client, as package pipeline's hash.go has it: by the multilinear
 * hash, whose code and whose reasons are in multilinear.go, or by SipHash.
 */
#pragma once

#include <linux/ip.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "rules.h"
#include "siphash.h"

/* An IPv4 client as one number, all of it as on the wire. */
static __always_inline __u64 client4(__be32 addr, __be16 port, __be16 id)
{
	return addr | (__u64)port << 32 | (__u64)id << 48;
}

/* What two words bring: the lower half of words, and the upper one. */
static __always_inline __u64 pair(__u64 add_lower, __u64 add_upper, __u64 words)
{
	return (add_lower + (__u32)words) * (add_upper + (words >> 32));
}

static __always_inline __u16 again(__u64 sum)
{
	const volatile struct multilinear *m = &conf.multilinear;

	sum ^= sum >> 32;
	sum *= m->mix;
	sum ^= sum >> 32;
	return (m->start_again + pair(m->add_again[0], m->add_again[1], sum)) >> 48;
}

/* The bucket of an IPv4 client, of which client4 is masked already. */
static __always_inline __u16 bucket4(__u64 client)
{
	const volatile struct multilinear *m = &conf.multilinear;

	if (conf.siphash)
		return sip_bucket4(client);
	return again(m->start4 + pair(m->add[0], m->add[1], client));
}

/* The bucket of a rule's packet. */
static __always_inline __u16 rule_bucket4(const struct iphdr *ip, __be16 port, __u32 rule)
{
	return bucket4(client4(ip->saddr, port, ip->id) & conf.hashed[bounded(rule, MAX_RULES)].mask4);
}

/* The bucket of an IPv6 client, by the halves of its address. */
static __always_inline __u16 bucket6(__u64 first, __u64 last, __be16 port)
{
	const volatile struct multilinear *m = &conf.multilinear;

	if (conf.siphash)
		return sip_bucket6(first, last, port);
	return again(m->start6 + pair(m->add[0], m->add[1], first) + pair(m->add[2], m->add[3], last) +
		     pair(m->add[4], m->add[5], port));
}
