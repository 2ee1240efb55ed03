package traffic

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
)

var (
	errGarbled = errors.New("the echo is not what was sent")
	errEnded   = errors.New("the peer has closed the connection")
)

// messageLen is the length of a message in bytes: a number.
const messageLen = 8

// echo sends one message and waits for it to come back, for patience at most. It
// returns how long that took.
func (c *conn) echo(number uint64, patience time.Duration) (time.Duration, error) {
	var sent, came [messageLen]byte
	binary.BigEndian.PutUint64(sent[:], number)
	start := time.Now()
	if err := c.SetDeadline(start.Add(patience)); err != nil {
		return 0, err
	}
	if _, err := c.Write(sent[:]); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(c, came[:])
	took := time.Since(start)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return took, errEnded
	case err != nil:
		return took, err
	case came != sent:
		return took, errGarbled
	}
	return took, nil
}
