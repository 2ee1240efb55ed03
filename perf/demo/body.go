package demo

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
)

// maxBody is more than any node's name, in bytes.
const maxBody = 256

// readBody reads a whole answer and returns its body.
func readBody(r io.Reader) (string, error) {
	response, err := http.ReadResponse(bufio.NewReader(r), nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answered %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return string(body), err
}
