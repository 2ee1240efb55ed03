package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// upload sends random bytes to a server such as serve, which answers with their
// sum.
func upload(url, size string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	body := make([]byte, n)
	_, _ = rand.Read(body) // It never fails.
	response, err := http.Post(url, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(body)); string(got) != want {
		return fmt.Errorf("%d bytes with sum %s were sent, the server says %q", n, want, got)
	}
	return nil
}
