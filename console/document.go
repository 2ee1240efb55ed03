package console

import (
	_ "embed"
	"net/http"
)

// openapi describes the API (OpenAPI 3.1).
//
//go:embed openapi.json
var openapi []byte

// document answers GET /v1/openapi.json.
func (s *Server) document(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openapi)
	return nil
}

// showMetrics answers GET /metrics.
func (s *Server) showMetrics(w http.ResponseWriter, r *http.Request) error {
	if s.metrics == nil {
		return &Error{Code: CodeNotFound, Message: "this daemon has no metrics", Cure: "ask a daemon that thresher run has started"}
	}
	s.metrics.ServeHTTP(w, r)
	return nil
}
