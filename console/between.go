package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// betweenNodes are the paths that concern nodes alone, each with who answers it: nobody
// else is told that they are there.
func (s *Server) betweenNodes() map[string]http.Handler {
	return map[string]http.Handler{
		nodeKeysPath: s.peers.let(s.handler([]route{
			{method: http.MethodGet, do: s.showNodeKeys},
			{method: http.MethodPost, body: true, do: s.nodeKeys},
		})),
		nodePeersPath: s.peers.let(s.handler([]route{{method: http.MethodPost, body: true, do: s.nodePeer}})),
	}
}

// tellNode tells another node something at one of those paths.
func (c *Client) tellNode(ctx context.Context, path string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	resp, err := c.request(ctx, http.MethodPost, path, nil, body, "")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// missingIsOld says what it means that a node does not know the path by which it would
// do something.
func missingIsOld(err error, do string) error {
	var e *Error
	if errors.As(err, &e) && e.Code == CodeNotFound {
		return &Error{Code: CodeConflict, Message: "it runs a release that can't " + do, Cure: "upgrade it first"}
	}
	return err
}
