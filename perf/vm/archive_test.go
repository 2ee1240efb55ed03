package vm

import (
	"bytes"
	"testing"
)

// TestArchive holds the bytes against those of cpio(1): headers of 110 bytes,
// everything at a multiple of four.
func TestArchive(t *testing.T) {
	var got bytes.Buffer
	a := archive{w: &got}
	a.directory("bin")
	a.file("bin/init", 0o755, []byte("hello"))
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	const zeros = "00000000"
	want := "070701" + "00000001" + "000041ED" + zeros + zeros + "00000001" + zeros + zeros + zeros + zeros + zeros + zeros + "00000004" + zeros + "bin\x00\x00\x00" +
		"070701" + "00000002" + "000081ED" + zeros + zeros + "00000001" + zeros + "00000005" + zeros + zeros + zeros + zeros + "00000009" + zeros + "bin/init\x00\x00" +
		"hello\x00\x00\x00" +
		"070701" + "00000003" + zeros + zeros + zeros + "00000001" + zeros + zeros + zeros + zeros + zeros + zeros + "0000000B" + zeros + "TRAILER!!!\x00\x00\x00\x00"
	if got.String() != want {
		t.Errorf("got\n%q\nwant\n%q", got.String(), want)
	}
}
