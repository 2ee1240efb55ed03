package xsk

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Who finds another program on the interface is told what it is and what to do, and
// not what the system calls that.
func TestAnotherProgramIsSaidInOneSentence(t *testing.T) {
	err := attachError(&net.Interface{Name: "eth0"}, "native", fmt.Errorf("create link: %w", unix.EBUSY)).Error()
	if !strings.Contains(err, "ip link set dev eth0 xdp off") || strings.Contains(err, "busy") {
		t.Error(err)
	}
}
