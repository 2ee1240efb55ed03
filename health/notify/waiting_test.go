package notify

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"thresher/config"
)

// What one process has gathered and not told, the next one tells, though the first one's
// end runs nothing; to whom the configuration names no more, it does not.
func TestWaitingIsToldByTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start := func() (*Dispatcher, *fakeSender, *fakeSender) {
			d := New([]config.Notify{{Email: &config.Email{To: []string{"ops@example.org"}}}, {Command: []string{"tell"}}}, slog.New(slog.DiscardHandler))
			mail, hook := &fakeSender{group: groupMail}, &fakeSender{}
			d.targets[0].sender, d.targets[1].sender = mail, hook
			go d.Run(ctx)
			return d, mail, hook
		}
		d, _, hook := start()
		d.Post(Message{Kind: "state", Message: "first"})
		time.Sleep(time.Second)
		d.Post(Message{Kind: "state", Message: "second"})
		synctest.Wait()
		if len(hook.told) != 2 {
			t.Errorf("the hook is told %v", hook.told)
		}
		handed, err := json.Marshal(append(d.Waiting(), Waiting{config.Notify{Webhook: "https://gone.example/"}, messages()}))
		if err != nil {
			t.Fatal(err)
		}
		var left []Waiting
		if err := json.Unmarshal(handed, &left); err != nil {
			t.Fatal(err)
		}
		next, mail, hook := start()
		next.Resume(left)
		time.Sleep(groupMail)
		synctest.Wait()
		if len(mail.told) != 1 || len(mail.told[0]) != 2 || mail.told[0][0].Message != "first" || len(hook.told) != 0 {
			t.Errorf("the next process tells %v by mail, and %v to the hook", mail.told, hook.told)
		}
		if rest := next.Waiting(); len(rest) != 0 {
			t.Errorf("waiting are %v still", rest)
		}
	})
}
