package console

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is a request's parameters: only known ones, each once.
type query struct{ url.Values }

// parameters reads the request's parameters and refuses those that are not
// known: a misspelt one would otherwise change the answer without a word.
func parameters(r *http.Request, known ...string) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return query{}, badRequest("write NAME=VALUE with & between, and other signs than letters and digits as %XX", "the parameters can't be read: %v", err)
	}
	for name, all := range values {
		if !slices.Contains(known, name) {
			return query{}, badRequest(knownParameters(known), "%s does not know the parameter %q", r.URL.Path, name)
		}
		if len(all) > 1 {
			return query{}, badRequest("give it once", "the parameter %s is there %d times", name, len(all))
		}
	}
	return query{values}, nil
}

// knownParameters is the cure for an unknown one.
func knownParameters(known []string) string {
	if len(known) == 0 {
		return "it takes none"
	}
	return "it takes " + strings.Join(known, ", ")
}

// client returns the parameter of that name, an address without zone.
func (q query) client() (netip.Addr, error) {
	text := q.Get("client")
	if text == "" {
		return netip.Addr{}, badRequest("add client=ADDRESS", "the parameter client is missing")
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, badRequest("write an address such as 192.0.2.7 or 2001:db8::7, the port goes into port",
			"client %q is not an address", text)
	}
	return addr.Unmap(), nil
}

// number returns an unsigned decimal parameter; 0 if it is not there.
func (q query) number(name string, bits int) (uint64, error) {
	if !q.Has(name) {
		return 0, nil
	}
	n, err := strconv.ParseUint(q.Get(name), 10, bits)
	if err != nil {
		limit := ^uint64(0) >> (64 - bits)
		return 0, badRequest(fmt.Sprintf("write a number from 0 to %d", limit), "%s %q is not a number in range", name, q.Get(name))
	}
	return n, nil
}

// flag returns a yes or no; no if it is not there.
func (q query) flag(name string) (bool, error) {
	if !q.Has(name) {
		return false, nil
	}
	yes, err := strconv.ParseBool(q.Get(name))
	if err != nil {
		return false, badRequest("write 1 or 0", "%s %q is neither yes nor no", name, q.Get(name))
	}
	return yes, nil
}

// deadline returns the parameter deadline_ms; 0 if it is not there.
func (q query) deadline() (time.Duration, error) {
	ms, err := q.number("deadline_ms", 42) // as many milliseconds as a Duration has
	return time.Duration(ms) * time.Millisecond, err
}

// badRequest returns an Error about the request itself.
func badRequest(cure, format string, args ...any) *Error {
	return &Error{Code: CodeBadRequest, Message: fmt.Sprintf(format, args...), Cure: cure}
}
