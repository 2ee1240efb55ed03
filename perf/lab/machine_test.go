package lab

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// virtioHeader is how many bytes a tap device has before a frame (struct
// virtio_net_hdr of linux/virtio_net.h).
const virtioHeader = 10

// Whoever opens the tap device is on the switch: a client answers its ARP request.
func TestPlugMachine(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	if err := l.PlugMachine(n, 1); err != nil {
		t.Fatal(err)
	}
	var fd int
	err := l.Switch.Do(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		request, err := unix.NewIfreq(n.Port)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	own, its := n.Address.As4(), client.Address.As4()
	request := bytes.Join([][]byte{
		make([]byte, virtioHeader),
		bytes.Repeat([]byte{0xff}, 6), n.MAC[:], {0x08, 0x06}, // Ethernet
		{0, 1, 8, 0, 6, 4, 0, 1}, n.MAC[:], own[:], make([]byte, 6), its[:], // RFC 826
	}, nil)
	answer := append([]byte{0, 1, 8, 0, 6, 4, 0, 2}, append(client.MAC[:], its[:]...)...)
	eventually(t, "the client answers the machine", func() bool {
		// The port may not forward yet.
		if _, err := unix.Write(fd, request); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		frame := make([]byte, 2048)
		for {
			size, err := unix.Read(fd, frame)
			if err != nil {
				return false // EAGAIN: none is left.
			}
			if bytes.Contains(frame[:size], answer) {
				return true
			}
		}
	})
}
