package setup

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"

	"thresher/console"
)

//go:embed refused.html
var refusedText string

// refusedPage shows an Error as the setup's page would.
var refusedPage = template.Must(template.New("refused").Parse(refusedText))

// printed is what to do for who has come by another way.
const printed = "open the address that thresher init has printed"

// refuse says why not: to a browser that wants a page by one, to all others as the
// console's API does.
func refuse(w http.ResponseWriter, r *http.Request, status int, e *console.Error) {
	kind, write := "application/json", func() error { return json.NewEncoder(w).Encode(e) }
	if strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html") {
		kind, write = console.ContentType(".html"), func() error { return refusedPage.Execute(w, e) }
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = write() // the browser may have gone
}
