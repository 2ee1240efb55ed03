package pipeline

// ICMP types. Source: RFC 792, RFC 1812 §4.3.1.
const (
	icmpUnreachable   = 3
	icmpEchoRequest   = 8
	icmpTimeExceeded  = 11
	icmpParameterProb = 12
)

// ICMPv6 types. Source: RFC 4443 §2.1, RFC 4861 §4.
const (
	icmp6Unreachable   = 1
	icmp6TooBig        = 2
	icmp6TimeExceeded  = 3
	icmp6ParameterProb = 4
	icmp6EchoRequest   = 128

	// Neighbour discovery: router solicitation to redirect.
	icmp6FirstNeighbour = 133
	icmp6LastNeighbour  = 137
)

// isNeighbour tells whether a packet over IPv6 with this payload is neighbour
// discovery's.
func (p *packet) isNeighbour(payload []byte) bool {
	return p.protocol == protocolICMPv6 && len(payload) >= icmpLen &&
		payload[0] >= icmp6FirstNeighbour && payload[0] <= icmp6LastNeighbour
}

// isEcho tells whether an ICMP packet asks for an answer.
func (p *packet) isEcho() bool {
	if p.six {
		return p.icmpType == icmp6EchoRequest
	}
	return p.icmpType == icmpEchoRequest
}

// isICMPError tells whether an ICMP packet is an error, which quotes a packet of
// this machine's.
func (p *packet) isICMPError() bool {
	if p.six {
		return p.icmpType >= icmp6Unreachable && p.icmpType <= icmp6ParameterProb
	}
	return p.icmpType == icmpUnreachable || p.icmpType == icmpTimeExceeded || p.icmpType == icmpParameterProb
}
