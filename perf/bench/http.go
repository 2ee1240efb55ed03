package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"thresher/perf/engine"
	"thresher/perf/lab"
)

func serveNginx(bed *engine.Testbed) error {
	_, err := bed.Node.StartNginx()
	if errors.Is(err, exec.ErrNotFound) {
		return &engine.Unavailable{Reason: "nginx is not installed (Debian: apt-get install nginx-light)"}
	}
	return err
}

// httpRuns is how often each engine is asked at most: wrk's shortest time is 1 s.
const httpRuns = 16

// askWrk runs wrk.
func askWrk(ctx context.Context, bed *engine.Testbed, d time.Duration) (sample, error) {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return nil, &engine.Unavailable{Reason: "wrk is not installed (Debian: apt-get install wrk)"}
	}
	seconds := max(1, int(d.Round(time.Second).Seconds()))
	out, err := bed.Lab.Clients[0].Run(ctx, wrk, "-t1", "-c16", fmt.Sprintf("-d%ds", seconds), "--latency",
		"http://"+lab.VIP().String()+"/")
	if err != nil {
		return nil, err
	}
	return readWrk(out)
}

var (
	wrkRate = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkP99  = regexp.MustCompile(`99%\s+([0-9.]+)(us|ms|s)\b`)
)

// readWrk finds the figures in wrk's output.
func readWrk(out []byte) (sample, error) {
	for _, bad := range []string{"Socket errors", "Non-2xx"} {
		if bytes.Contains(out, []byte(bad)) {
			return nil, fmt.Errorf("wrk met errors: %s", out)
		}
	}
	rate, p99 := wrkRate.FindSubmatch(out), wrkP99.FindSubmatch(out)
	if rate == nil || p99 == nil {
		return nil, fmt.Errorf("wrk wrote no figures: %s", out)
	}
	requests, err := strconv.ParseFloat(string(rate[1]), 64)
	if err != nil {
		return nil, err
	}
	value, err := strconv.ParseFloat(string(p99[1]), 64)
	if err != nil {
		return nil, err
	}
	millis := map[string]float64{"us": 1e-3, "ms": 1, "s": 1e3}[string(p99[2])]
	return sample{"requests": requests, "p99": value * millis}, nil
}
