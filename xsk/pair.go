package xsk

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// Pair is one of the veth pairs that lead to the stack (DESIGN §2): thr0 and thr1,
// thr2 and thr3, and so on. Every farm of a machine has its own. Whose it is says its
// group (ip-link(8)): the index of the farm's interface, from the pair's first moment.
type Pair int

// maxPairs is how many farms a machine may have.
const maxPairs = 32

// In is the end that frames are sent out of, Out the one that they come out of.
func (p Pair) In() string  { return fmt.Sprintf("thr%d", 2*p) }
func (p Pair) Out() string { return fmt.Sprintf("thr%d", 2*p+1) }

// PairOf is the pair whose In has that name.
func PairOf(in string) (Pair, bool) {
	for p := range Pair(maxPairs) {
		if p.In() == in {
			return p, true
		}
	}
	return 0, false
}

// FreePair is the first pair of which there is no end yet.
func FreePair() (Pair, error) {
	for p := range Pair(maxPairs) {
		_, in := netlink.LinkByName(p.In())
		_, out := netlink.LinkByName(p.Out())
		if missing(in) && missing(out) {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%s to %s exist already: remove those that no daemon uses (ip link del)", Pair(0).In(), Pair(maxPairs-1).Out())
}

func missing(err error) bool { return errors.As(err, &netlink.LinkNotFoundError{}) }
