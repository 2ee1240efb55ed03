package xsk

// freeList holds the addresses of a queue's free frames. It never grows: there
// are as many places as frames.
type freeList struct {
	addrs     []uint64
	frameMask uint64
}

// newFreeList returns a list with every frame in it. frameSize is a power of two.
func newFreeList(frames, frameSize int) freeList {
	l := freeList{
		addrs:     make([]uint64, 0, frames),
		frameMask: ^uint64(frameSize - 1),
	}
	for i := range frames {
		l.addrs = append(l.addrs, uint64(i*frameSize))
	}
	return l
}

// put frees the frame that addr points into.
func (l *freeList) put(addr uint64) { l.addrs = append(l.addrs, addr&l.frameMask) }

// take removes and returns a free frame. The caller has made sure that there is one.
func (l *freeList) take() uint64 {
	last := len(l.addrs) - 1
	addr := l.addrs[last]
	l.addrs = l.addrs[:last]
	return addr
}

func (l *freeList) len() int { return len(l.addrs) }
