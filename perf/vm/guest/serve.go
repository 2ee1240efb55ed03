package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// serve is a web server on port 80, and a server on port 7 that sends back what it
// gets. It returns when one of them fails.
func serve(name string) error {
	failed := make(chan error, 2)
	go func() { failed <- echo() }()
	go func() { failed <- http.ListenAndServe(":80", web(name)) }()
	return <-failed
}

func echo() error {
	listener, err := net.Listen("tcp", ":7")
	if err != nil {
		return err
	}
	return accept(listener)
}

// web answers with the machine's name; to an upload, with its SHA-256 sum.
func web(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			fmt.Fprint(w, name)
			return
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%x", sum.Sum(nil))
	})
}

func accept(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			continue // The connection has gone, or there are no descriptors now.
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, conn) // The client ends it as it likes.
		}()
	}
}
