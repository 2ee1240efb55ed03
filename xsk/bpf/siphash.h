/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * SipHash-1-3 of a client, as package pipeline's siphash.go has it: one block for
 * an IPv4 address and a port, three for an IPv6 address. Few farms have it, so that
 * both are functions of their own and take no registers from the others.
 *
 * A round begins with what no message changes, so that the daemon does that of the
 * first one beforehand: pipeline.SipBegun.
 */
#pragma once

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "rules.h"

static __always_inline __u64 rotl(__u64 x, int n)
{
	return x << n | x >> (64 - n);
}

static __always_inline void sip_begin(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
}

static __always_inline void sip_end(struct sip *s)
{
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static __always_inline void sip_round(struct sip *s)
{
	sip_begin(s);
	sip_end(s);
}

/* The first block of a message, whose round has begun. */
static __always_inline void sip_first(struct sip *s, __u64 message)
{
	s->v3 ^= message;
	sip_end(s);
	s->v0 ^= message;
}

static __always_inline void sip_block(struct sip *s, __u64 message)
{
	s->v3 ^= message;
	sip_round(s);
	s->v0 ^= message;
}

static __always_inline __u16 sip_finish(struct sip *s)
{
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static __always_inline struct sip sip_begun(void)
{
	struct sip s = {.v0 = conf.begun.v0, .v1 = conf.begun.v1, .v2 = conf.begun.v2, .v3 = conf.begun.v3};

	return s;
}

/* Of port and IP identification one at most is not 0. */
static __noinline __u32 sip_bucket4(__u64 client)
{
	struct sip s = sip_begun();

	sip_first(&s, 6ULL << 56 | (client >> 32 & 0xffff) << 32 | client >> 48 << 32 | (__u32)client);
	return sip_finish(&s);
}

static __noinline __u32 sip_bucket6(__u64 first, __u64 last, __be16 port)
{
	struct sip s = sip_begun();

	sip_first(&s, first);
	sip_block(&s, last);
	sip_block(&s, 18ULL << 56 | port);
	return sip_finish(&s);
}
