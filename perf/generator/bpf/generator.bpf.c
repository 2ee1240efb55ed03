//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A packet generator: the kernel runs it on live frames (BPF_PROG_TEST_RUN,
 * Documentation/bpf/bpf_prog_run.rst) and it makes each one a datagram or SYN
 * of a random client, and sends it out of an interface.
 *
 * Every header field is written in every frame: the pages come back with what
 * the receiver wrote into them.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAME_LEN 60 /* 64 bytes on the wire: the checksum is the hardware's */
#define TTL 64
#define WINDOW 64240
#define MAX_VIPS 64 /* config.MaxVIPs */

struct vip {
	__be32 addr;
	__u8 mac[ETH_ALEN];
	__u8 pad[2];
};

/* What to send; constants, so that the verifier removes what is not used. */
const volatile struct vip vips[MAX_VIPS];
const volatile __u32 vip_count = 1;
const volatile __u8 source_mac[ETH_ALEN];
const volatile __u32 client_base;      /* host byte order */
const volatile __u32 client_mask;      /* which bits of it are random */
const volatile __u32 client_ports = 1; /* 1 to 65536 */
const volatile __u32 client_port;      /* the first one */
const volatile __u32 vip_ports = 1;
const volatile __u32 vip_port;
const volatile __u32 protocol = IPPROTO_UDP;
const volatile __u32 target; /* ifindex; 0 drops: the generator's own cost */

/* How often the clock is read: too seldom to cost anything. */
#define CLOCK_EVERY 64

struct state {
	__u64 random; /* never 0 */
	__u64 frames;
	/* of this call: frame number and time (ns) of the first and last reading */
	__u64 first_frame, first_time;
	__u64 last_frame, last_time;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state);
} states SEC(".maps");

/* xorshift64 with a multiplied output (Vigna, An experimental exploration of
 * Marsaglia's xorshift generators, scrambled, 2016). */
static __always_inline __u64 next(struct state *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1dULL;
}

/* The kernel takes some 20 ms to end a run, of which the caller's clock knows
 * nothing: so the time from frame to frame is taken here. */
static __always_inline void clock(struct state *s)
{
	__u64 now;

	if (s->frames % CLOCK_EVERY)
		return;
	now = bpf_ktime_get_ns();
	if (!s->first_time) {
		s->first_time = now;
		s->first_frame = s->frames;
	}
	s->last_time = now;
	s->last_frame = s->frames;
}

/* one of count values, by 16 random bits */
static __always_inline __u32 pick(__u64 random, __u32 count)
{
	return count == 1 ? 0 : (random & 0xffff) * count >> 16;
}

/* RFC 1071: the sum of 16-bit words does not depend on byte order. */
static __always_inline __u32 sum32(__be32 word)
{
	return (word & 0xffff) + (word >> 16);
}

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline void ethernet(struct ethhdr *eth, const volatile struct vip *vip)
{
	for (int i = 0; i < ETH_ALEN; i++) {
		eth->h_dest[i] = vip->mac[i];
		eth->h_source[i] = source_mac[i];
	}
	eth->h_proto = bpf_htons(ETH_P_IP);
}

static __always_inline void ipv4(struct iphdr *ip, __be32 from, __be32 to, __u16 id, __u16 len)
{
	__u8 proto = protocol;

	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = 0;
	ip->tot_len = bpf_htons(len);
	ip->id = id;
	ip->frag_off = bpf_htons(0x4000); /* don't fragment */
	ip->ttl = TTL;
	ip->protocol = proto;
	ip->saddr = from;
	ip->daddr = to;
	ip->check = fold(bpf_htons(0x4500) + bpf_htons(len) + id + bpf_htons(0x4000) +
			 bpf_htons(TTL << 8 | proto) + sum32(from) + sum32(to));
}

/* The payload is all zero: the caller's frame was, and nobody writes there. */
static __always_inline void udp_header(struct udphdr *udp, __be32 from, __be32 to, __be16 sport, __be16 dport)
{
	__be16 len = bpf_htons(FRAME_LEN - sizeof(struct ethhdr) - sizeof(struct iphdr));
	__u16 check = fold(sum32(from) + sum32(to) + bpf_htons(IPPROTO_UDP) + len + sport + dport + len);

	udp->source = sport;
	udp->dest = dport;
	udp->len = len;
	udp->check = check ? check : 0xffff; /* 0 means none: RFC 768 */
}

static __always_inline void syn_header(struct tcphdr *tcp, __be32 from, __be32 to, __be16 sport, __be16 dport, __be32 seq)
{
	__be16 flags = bpf_htons(5 << 12 | 0x02); /* five words, SYN */

	tcp->source = sport;
	tcp->dest = dport;
	tcp->seq = seq;
	tcp->ack_seq = 0;
	((__be16 *)tcp)[6] = flags;
	tcp->window = bpf_htons(WINDOW);
	tcp->urg_ptr = 0;
	tcp->check = fold(sum32(from) + sum32(to) + bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(*tcp)) +
			  sport + dport + sum32(seq) + flags + bpf_htons(WINDOW));
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	const volatile struct vip *vip;
	struct state *s;
	__be16 sport, dport;
	__be32 from, to;
	__u64 random, more;
	__u32 zero = 0, index;

	s = bpf_map_lookup_elem(&states, &zero);
	if (!s || data + FRAME_LEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	clock(s);
	s->frames++;
	random = next(s);
	more = vip_count == 1 && vip_ports == 1 ? 0 : next(s);

	index = pick(more, vip_count);
	if (index >= MAX_VIPS)
		return XDP_ABORTED;
	vip = &vips[index];
	to = vip->addr;
	from = bpf_htonl(client_base | (random & client_mask));
	sport = bpf_htons(client_port + pick(random >> 32, client_ports));
	dport = bpf_htons(vip_port + pick(more >> 16, vip_ports));

	ethernet(eth, vip);
	if (protocol == IPPROTO_UDP) {
		ipv4(ip, from, to, random >> 48, FRAME_LEN - sizeof(*eth));
		udp_header((void *)(ip + 1), from, to, sport, dport);
	} else {
		ipv4(ip, from, to, random >> 48, sizeof(*ip) + sizeof(struct tcphdr));
		syn_header((void *)(ip + 1), from, to, sport, dport, random >> 16);
	}
	return target ? bpf_redirect(target, 0) : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
