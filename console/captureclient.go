package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"thresher/console/pcapng"
)

// Capture has this node copy packets, and hands each the blocks of a pcapng stream as
// they come, until each fails, ctx is done or the daemon ends it; it returns the error
// of whichever it was. A block is each's only until it returns. The statistics are
// the last that the daemon has told.
func (c *Client) Capture(ctx context.Context, o CaptureOptions, each func(pcapng.Block) error) (last CaptureStats, err error) {
	q := url.Values{"rate": {strconv.Itoa(o.Rate)}, "snap": {strconv.Itoa(o.Snap)}}
	for name, value := range map[string]string{"verdict": o.Verdict, "reason": o.Reason, "rule": o.Rule} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if o.Client.IsValid() {
		q.Set("client", o.Client.String())
	}
	resp, err := c.send(ctx, http.MethodPost, "/v1/node/capture", q)
	if err != nil {
		return last, err
	}
	defer resp.Body.Close()
	for buf := []byte(nil); ; {
		block, err := pcapng.ReadBlock(resp.Body, buf)
		switch {
		case ctx.Err() != nil:
			return last, ctx.Err()
		case errors.Is(err, pcapng.ErrNoStream):
			return last, fmt.Errorf("read the capture of %s: %w", c.api, err)
		case errors.Is(err, io.EOF):
			return last, c.captureEnded("")
		case err != nil:
			return last, c.captureEnded(": " + err.Error())
		}
		if s, ok := block.Statistics(); ok {
			last.take(s)
		}
		if err := each(block); err != nil {
			return last, err
		}
		buf = block
	}
}

// take takes over what a stream says.
func (s *CaptureStats) take(told pcapng.Statistics) {
	s.Copied, s.Lost = told.Copied, told.Lost
	// A comment of another form is a newer daemon's, and no error.
	_, _ = fmt.Sscanf(told.Comment, limits, &s.Limited, &s.Turns)
}

func (c *Client) captureEnded(why string) error {
	return &Error{Code: CodeUnreachable, Message: "the daemon at " + c.api + " ended the capture" + why, Cure: "its log says why, if it has not gone"}
}
