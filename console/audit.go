package console

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
)

// KindAudit is the kind of the events that say who did what.
const KindAudit = "audit"

// maxFailure is how many characters of a failure are told on: what others have
// answered may be in it, as long as they like.
const maxFailure = 200

// brief is what an error says, as one printable line that is not long.
func brief(err error) string {
	return clip(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "), maxFailure)
}

// audit writes down who did, or tried to do, what: into the log that the API
// shows, and into the daemon's own.
func (s *Server) audit(r *http.Request, who, action, detail string, failure error) {
	from := "this machine"
	if addr := remoteAddr(r); addr.IsValid() {
		from = addr.String()
	}
	who = clip(who, maxWho)
	e := Event{Kind: KindAudit, Level: LevelInfo, Message: fmt.Sprintf("%s: %s", who, action)}
	e.Fields = map[string]string{"who": who, "action": action, "from": from}
	if detail != "" {
		e.Message += " " + detail
		e.Fields["detail"] = detail
	}
	level := slog.LevelInfo
	if failure != nil {
		level, e.Level = slog.LevelWarn, LevelWarn
		why := brief(failure)
		e.Message += ": refused: " + why
		e.Fields["failure"] = why
	}
	s.log.Add(e)
	s.logger.Log(r.Context(), level, e.Message, "kind", KindAudit, "who", who, "action", action, "from", from)
}
