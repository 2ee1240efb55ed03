package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// readBody reads a body of JSON into a value. It takes only what means the same to every
// reader (RFC 8259, 4 and 8.1): one value of UTF-8 with known keys, each once.
func readBody(w http.ResponseWriter, r *http.Request, most int64, into any) error {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return err
	}
	if !utf8.Valid(text) {
		return errors.New("it is no UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if err := endOf(dec); err != nil {
		return err
	}
	return keysOnce(json.NewDecoder(bytes.NewReader(text)))
}

// keysOnce reads a value, and refuses one with a key twice: a Decoder takes the last.
func keysOnce(dec *json.Decoder) error {
	token, err := dec.Token()
	begin, nested := token.(json.Delim)
	if err != nil || !nested {
		return err
	}
	known := make(map[string]bool)
	for dec.More() {
		if begin == '{' {
			if err := newKey(dec, known); err != nil {
				return err
			}
		}
		if err := keysOnce(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// newKey reads a key that is not yet among the known ones. Upper and lower case are the
// same to a Decoder.
func newKey(dec *json.Decoder, known map[string]bool) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	name := strings.ToLower(strings.ToUpper(fmt.Sprint(token)))
	if known[name] {
		return errors.New("a key stands twice")
	}
	known[name] = true
	return nil
}
