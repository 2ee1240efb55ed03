package confirm

// Tries bounds how many frames of unknown processes are tried with the farm's keys at
// a time, some 3 µs each and key, so that who forges frames keeps nobody busy. It is
// spread over the senders' Ethernet addresses: a new process of the farm is not
// crowded out by a stranger with other addresses, and by one that forges its address,
// too, only until one of its frames comes first.
type Tries struct {
	tried [triesSlots]uint8
}

// At most 256 tries at a time, or 1 ms; 4 from one address, since a new process need
// be heard only once.
const (
	triesSlots   = 64
	triesPerSlot = 4
)

// Renew begins another time.
func (t *Tries) Renew() { clear(t.tried[:]) }

// Take says whether a frame of an Ethernet address, of 6 bytes, may be tried.
func (t *Tries) Take(from []byte) bool {
	slot := &t.tried[(from[3]^from[4]^from[5])%triesSlots]
	if *slot == triesPerSlot {
		return false
	}
	*slot++
	return true
}
