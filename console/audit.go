package console

import (
	"fmt"
	"log/slog"
	"net/http"
)

// KindAudit is the kind of the events that say who did what.
const KindAudit = "audit"

// audit writes down who did, or tried to do, what: into the log that the API
// shows, and into the daemon's own.
func (s *Server) audit(r *http.Request, who, action, detail string, failure error) {
	from := "this machine"
	if addr := remoteAddr(r); addr.IsValid() {
		from = addr.String()
	}
	who = clip(who, maxBehalf)
	e := Event{Kind: KindAudit, Level: LevelInfo, Message: fmt.Sprintf("%s: %s", who, action)}
	e.Fields = map[string]string{"who": who, "action": action, "from": from}
	if detail != "" {
		e.Message += " " + detail
		e.Fields["detail"] = detail
	}
	level := slog.LevelInfo
	if failure != nil {
		level, e.Level = slog.LevelWarn, LevelWarn
		e.Message += ": refused: " + failure.Error()
		e.Fields["failure"] = failure.Error()
	}
	s.log.Add(e)
	s.logger.Log(r.Context(), level, e.Message, "kind", KindAudit, "who", who, "action", action, "from", from)
}
