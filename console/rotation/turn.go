package rotation

import (
	"errors"
	"time"
)

// TurnTime is how long a node waits for the next step of who has its turn.
const TurnTime = 20 * time.Second

// The reasons for which a turn is not given, or not believed.
var (
	ErrTaken  = errors.New("somebody else is changing the key")
	ErrNoTurn = errors.New("whoever was changing the key has lost its turn")
)

// Turn is one node's part in seeing to it that nobody acts on what was true a while
// ago: who changes the farm's key takes the turn of every node before it looks how
// they are, and each takes steps from that one alone. So two can never both have all.
// The zero Turn is nobody's.
type Turn struct {
	id    string
	until time.Time
}

// Take gives the turn to id, unless another has it.
func (t *Turn) Take(id string, now time.Time) error {
	if t.id != id && t.id != "" && now.Before(t.until) {
		return ErrTaken
	}
	t.id, t.until = id, now.Add(TurnTime)
	return nil
}

// Hold checks that id has the turn, and lets it have it for longer.
func (t *Turn) Hold(id string, now time.Time) error {
	if t.id != id || id == "" || !now.Before(t.until) {
		return ErrNoTurn
	}
	t.until = now.Add(TurnTime)
	return nil
}

// End gives the turn back, if id has it.
func (t *Turn) End(id string) {
	if t.id == id {
		*t = Turn{}
	}
}
