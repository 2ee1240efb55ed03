package farm

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Where an address is taken, or not there yet, listening is tried until it succeeds, and
// told of once.
func TestListenAgain(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := taken.Addr().String()
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(3*listenRetry, func() { taken.Close() })
		told := 0
		began := time.Now()
		l := listenAgain(t.Context(), at, func(error) { told++ })
		if l == nil {
			t.Fatal("it gave up")
		}
		defer l.Close()
		if took := time.Since(began); told != 1 || took < 3*listenRetry || took > 4*listenRetry {
			t.Errorf("told %d times, listened after %v", told, took)
		}
	})
}
