/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * SipHash-1-3 of a client, as package pipeline's hash.go has it: one block for
 * an IPv4 address and a port, three for an IPv6 address.
 *
 * A round begins with what no message changes, so that the daemon does that of the
 * first one beforehand: pipeline.HashKey.Begun.
 */
#pragma once

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

struct sip {
	__u64 v0, v1, v2, v3;
};

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

/* The bucket of an IPv4 client; address and port as on the wire. */
static __always_inline __u16 bucket4(struct sip s, __be32 addr, __be16 port)
{
	sip_first(&s, 6ULL << 56 | (__u64)port << 32 | addr);
	return sip_finish(&s);
}

/* The bucket of an IPv6 client, by the halves of its address. */
static __always_inline __u16 bucket6(struct sip s, __u64 lo, __u64 hi, __be16 port)
{
	sip_first(&s, lo);
	sip_block(&s, hi);
	sip_block(&s, 18ULL << 56 | port);
	return sip_finish(&s);
}
