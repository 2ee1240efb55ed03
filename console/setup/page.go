package setup

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"

	"thresher/console"
)

//go:embed web
var web embed.FS

// shared are the console's files that the page uses.
var shared = [...]string{"/style.css", "/dom.js", "/texts.js", "/theme.js", "/icon.svg"}

// looks are those of them that a refusal is shown with, under whatever name.
var looks = [...]string{"/style.css", "/theme.js", "/icon.svg"}

// page answers what the page is made of. There is nothing of the machine in it.
func page(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, r, http.StatusMethodNotAllowed, &console.Error{
			Code: console.CodeMethodNotAllowed, Message: fmt.Sprintf("%.80s does not take %.20s", r.URL.Path, r.Method), Cure: printed,
		})
		return
	}
	from, name := fs.FS(web), r.URL.Path
	if name == "/" {
		name = "/setup.html"
	}
	for _, one := range shared {
		if name == one {
			from = console.Web()
		}
	}
	text, err := fs.ReadFile(from, "web"+name)
	if err != nil {
		refuse(w, r, http.StatusNotFound, &console.Error{Code: console.CodeNotFound, Message: fmt.Sprintf("there is no %.80s here", r.URL.Path), Cure: printed})
		return
	}
	w.Header().Set("Content-Type", console.ContentType(name))
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text) // the browser may have gone
}
