package pipeline

// waitingFrame is the place of one fragment that waits.
type waitingFrame struct {
	next   int32 // in the list that it is in
	length uint16
	reason Reason // once it is ready
	since  int64
	facts  Facts
	data   [FragmentLen]byte
}

// copyTo copies the fragment if it fits, and returns its length; 0 if not.
func (w *waitingFrame) copyTo(dst []byte) int {
	if int(w.length) > len(dst) {
		return 0
	}
	return copy(dst, w.data[:w.length])
}

// frameList is a list of frames in the order of their arrival.
type frameList struct{ head, tail int32 }

func emptyList() frameList { return frameList{none, none} }

// waitingFrames is the memory of fragments that wait.
type waitingFrames struct {
	places[waitingFrame]
	free frameList // of the places that are made
}

func newWaitingFrames(n int) waitingFrames {
	return waitingFrames{places: newPlaces[waitingFrame](n), free: emptyList()}
}

// take copies a frame into a free place; none if it is too long or there is none.
func (f *waitingFrames) take(frame []byte) int32 {
	if len(frame) > FragmentLen {
		return none
	}
	i := f.room()
	if i != none {
		w := f.at(i)
		w.length = uint16(copy(w.data[:], frame))
	}
	return i
}

// room is a place that is in no list: one that was used before, if there is any.
func (f *waitingFrames) room() int32 {
	if f.free.head != none {
		return f.pop(&f.free)
	}
	return f.add()
}

// put frees a place that is in no list.
func (f *waitingFrames) put(i int32) { f.append(&f.free, i) }

// append puts a frame that is in no list to the end of one.
func (f *waitingFrames) append(l *frameList, i int32) {
	f.at(i).next = none
	if l.head == none {
		l.head = i
	} else {
		f.at(l.tail).next = i
	}
	l.tail = i
}

// pop takes the first frame out of a list that has one.
func (f *waitingFrames) pop(l *frameList) int32 {
	i := l.head
	if l.head = f.at(i).next; l.head == none {
		l.tail = none
	}
	return i
}

// move puts all frames of a list to the end of another, with the reason why.
func (f *waitingFrames) move(to, from *frameList, reason Reason) {
	for from.head != none {
		i := f.pop(from)
		f.at(i).reason = reason
		f.append(to, i)
	}
}
