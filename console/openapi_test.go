package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/console/access"
)

// apiDocument is what the tests read of the document.
type apiDocument struct {
	OpenAPI    string                          `json:"openapi"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]struct {
			Properties map[string]any `json:"properties"`
			Required   []string       `json:"required"`
		} `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Summary    string      `json:"summary"`
	Role       access.Role `json:"x-role"`
	Parameters []struct {
		Name string `json:"name"`
	} `json:"parameters"`
	Responses map[string]any `json:"responses"`
}

func readDocument(t *testing.T) apiDocument {
	t.Helper()
	var d apiDocument
	must(t, json.Unmarshal(openapi, &d))
	return d
}

// The document has what the server does, and nothing else.
func TestDocumentIsOfThisAPI(t *testing.T) {
	d := readDocument(t)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("version %s", d.OpenAPI)
	}
	left := make(map[string]access.Role)
	for path, methods := range d.Paths {
		for method, op := range methods {
			left[strings.ToUpper(method)+" "+path] = op.Role
		}
	}
	for _, r := range NewServer(&fakeFarm{}, NewLog(0), nil).table() {
		name := r.method + " " + r.path
		role, ok := left[name]
		if !ok || role != r.needs {
			t.Errorf("%s needs %q, and %q in the document (there: %v)", name, r.needs, role, ok)
		}
		delete(left, name)
	}
	for name := range left {
		t.Errorf("%s is in the document alone", name)
	}
}

// Every schema has the fields of the value that it is of.
func TestSchemasAreOfTheValues(t *testing.T) {
	d := readDocument(t)
	for name, value := range map[string]any{
		"Status": Status{}, "Node": Node{}, "Rule": Rule{}, "VIP": VIP{}, "Conflict": Conflict{}, "Reload": Reload{}, "Datapath": Datapath{}, "Check": Check{}, "Service": Service{},
		"Cluster": Cluster{}, "Messages": Messages{}, "JoinList": JoinList{}, "Lease": Lease{}, "Error": Error{}, "Event": Event{}, "Where": Where{}, "Session": Session{}, "Login": Login{}, "OIDCPage": OIDCPage{}, "OIDCAnswer": OIDCAnswer{},
		"Invitation": Invitation{}, "Configuration": Configuration{}, "ConfigOutcome": ConfigOutcome{}, "ConfigOutcomes": ConfigOutcomes{}, "Health": Health{}, "Trial": Trial{}, "EndedTrial": EndedTrial{}, "FarmStatus": FarmStatus{}, "FarmNode": FarmNode{}, "Outcome": Outcome{}, "Outcomes": Outcomes{}, "Buckets": Buckets{}, "Traffic": Traffic{}, "NodeKeys": NodeKeys{}, "KeyReport": KeyReport{}, "KeyStep": KeyStep{}, "UnmetPeer": UnmetPeer{}, "UnknownNode": UnknownNode{}, "ConfigKey": config.Key{},
	} {
		var fields, required []string
		for f := range reflect.TypeOf(value).Fields() {
			field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields = append(fields, field)
			if !strings.Contains(options, "omit") {
				required = append(required, field)
			}
		}
		schema := d.Components.Schemas[name]
		slices.Sort(fields)
		if got := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, fields) {
			t.Errorf("%s has %v, its schema %v", name, fields, got)
		}
		for _, r := range schema.Required {
			if !slices.Contains(required, r) {
				t.Errorf("%s.%s may be missing", name, r)
			}
		}
	}
}

// Every path, with every role and with none.
func TestEveryPathWithEveryRole(t *testing.T) {
	d := readDocument(t)
	p := openPeople(t, &fakeFarm{status: Status{Node: "web1", Nodes: []Node{{Name: "web1", State: Up, Address: loopback(0)}}}, where: []Where{{Node: "web1", Rule: "web"}}})
	for path, methods := range d.Paths {
		for method, op := range methods {
			if strings.HasPrefix(path, "/v1/session") {
				continue // have tests of their own
			}
			method = strings.ToUpper(method)
			q := url.Values{}
			if path == "/v1/where" {
				q.Set("client", "192.0.2.7")
			}
			if strings.HasPrefix(path, "/v1/farm/") {
				q.Set("node", "web1")
			}
			body, change := "", func(*http.Request) {}
			switch path {
			case "/v1/config", "/v1/node/config":
				q.Set("check", "1")
				body, change = "node: {}", func(r *http.Request) { r.Header.Set("If-Match", ETagOf(nil)) }
			case "/v1/node/undo":
				must(t, p.farm.EndTrial(t.Context(), Trial{ID: "x", State: TrialRunning, Deadline: time.Now().Add(time.Hour)}))
			}
			if method == "GET" {
				q.Del("check")
			}
			for _, role := range append(access.Roles(), "") {
				before := len(p.farm.called())
				resp, body := p.ask(method, path+"?"+q.Encode(), body, func(r *http.Request) {
					change(r)
					if role != "" {
						bearer(p.tokens[role])(r)
					}
				})
				what := fmt.Sprintf("%s %s as %q", method, path, role)
				switch {
				case op.Role == "" || role.Allows(op.Role):
					if resp.StatusCode/100 != 2 {
						t.Errorf("%s: %s %s", what, resp.Status, body)
					} else if _, ok := op.Responses[fmt.Sprint(resp.StatusCode)]; !ok {
						t.Errorf("%s: %d is not in the document", what, resp.StatusCode)
					}
				case role == "":
					refused(t, what, resp, body, 401, CodeUnauthenticated)
				default:
					refused(t, what, resp, body, 403, CodeForbidden)
				}
				if resp.StatusCode/100 != 2 && len(p.farm.called()) != before {
					t.Errorf("%s was refused, and done: %v", what, p.farm.called()[before:])
				}
			}
		}
	}
}

// Whatever is sent, the answer is a proper one, and no change comes of a GET.
func TestBadInputIsRefusedProperly(t *testing.T) {
	d := readDocument(t)
	f := &fakeFarm{status: Status{Node: "web1", Nodes: []Node{{Name: "web1", State: Up}}}}
	c, _ := startServer(t, f, NewLog(0))
	random := rand.New(rand.NewPCG(1, 2))
	values := []string{"", "0", "-1", "1", "1e3", "true", "99999999999999999999", "192.0.2.7", "fe80::1%eth0", "../..", "\x00", "%", "ü", "web1", "all", strings.Repeat("9", 300), "65536", "1024", "null", "[]", "' OR 1=1"}
	paths := slices.Sorted(maps.Keys(d.Paths))
	for range 600 {
		path := paths[random.IntN(len(paths))]
		method := []string{"GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS", "BREW"}[random.IntN(7)]
		q := url.Values{}
		for _, op := range d.Paths[path] {
			for _, parameter := range op.Parameters {
				if parameter.Name != "follow" && random.IntN(2) == 0 {
					q.Add(parameter.Name, values[random.IntN(len(values))])
				}
			}
		}
		if random.IntN(8) == 0 {
			q.Add(values[random.IntN(len(values))], values[random.IntN(len(values))])
		}
		target := path + "?" + q.Encode()
		if random.IntN(10) == 0 {
			target = path + "?" + strings.ReplaceAll(values[random.IntN(len(values))], "\x00", "%00%zz")
			target = strings.ReplaceAll(target, " ", "+")
		}
		before := len(f.called())
		resp, body := request(t, c, method, target, "")
		if resp.StatusCode/100 != 2 && method != "HEAD" {
			var e Error
			if err := json.Unmarshal([]byte(body), &e); err != nil || e.Code == "" || e.Code == CodeInternal || resp.StatusCode >= 500 && resp.StatusCode != 502 {
				t.Errorf("%s %s: %s %.200s", method, target, resp.Status, body)
			}
		}
		for _, call := range f.called()[before:] {
			if method != "POST" && !strings.HasPrefix(call, "where") {
				t.Errorf("%s %s: the farm was told %v", method, target, call)
			}
		}
	}
}
