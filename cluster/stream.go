package cluster

import (
	"fmt"
	"net"
)

// maxStream is how many bytes of a connection are read: the longest message, and what
// memberlist and its encryption put around it.
const maxStream = MaxMessage + 64<<10

// stream is a connection that somebody has opened. memberlist keeps up to 20 MiB of one
// before it knows whether the farm's key has sealed it (net.go, v0.7.0); no more than a
// message has is read here.
type stream struct {
	net.Conn
	left int
}

// Read fails where more comes than there may be.
func (s *stream) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, fmt.Errorf("%v has sent more than %d bytes: no message is so long", s.RemoteAddr(), maxStream)
	}
	n, err := s.Conn.Read(b[:min(len(b), s.left)])
	s.left -= n
	return n, err
}
