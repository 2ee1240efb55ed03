package findings

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thresher/config"
	"thresher/console/access"
	"thresher/health"
)

func TestAPI(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	cfg := &config.Config{API: config.API{
		Listeners: []config.APIListener{{Address: netip.MustParseAddrPort("127.0.0.1:9453")}},
		Users:     users, Cert: "/nowhere/cert.pem", Key: "/nowhere/key.pem",
	}}
	found := func() (levels []health.Level, text string) {
		for _, f := range api(cfg) {
			levels, text = append(levels, f.Level), text+f.String()+"\n"
		}
		return levels, text
	}
	levels, text := found()
	if len(levels) != 3 || !strings.Contains(text, "127.0.0.1 of api.listen is this machine's") || levels[1] != health.LevelError || levels[2] != health.LevelWarn ||
		!strings.Contains(text, "api.tls") || !strings.Contains(text, "thresher user add NAME --role admin --users "+users) {
		t.Errorf("found:\n%s", text)
	}
	cfg.API.Cert, cfg.API.Key = "", ""
	err := access.Update(users, func(f *access.File) error {
		f.Users = []access.User{{Name: "alice", Role: access.Admin, Password: access.HashPassword("correct horse")}}
		return nil
	})
	if levels, text := found(); err != nil || len(levels) != 1 || levels[0] != health.LevelOK {
		t.Errorf("%v; found:\n%s", err, text)
	}
	cfg.API.OIDC = config.OIDC{Issuer: "https://login.example", SecretFile: "/nowhere/secret"}
	if levels, text := found(); len(levels) != 2 || levels[1] != health.LevelWarn || !strings.Contains(text, "nobody can log in by login.example") {
		t.Errorf("without the client's secret:\n%s", text)
	}
	cfg.API.OIDC.SecretFile, cfg.API.Users = "", "/nowhere/users"
	if levels, text := found(); len(levels) != 1 {
		t.Errorf("people log in by the issuer alone:\n%s", text)
	}
	cfg.API.Users = users
	if err := os.WriteFile(users, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if levels, text := found(); len(levels) != 2 || levels[1] != health.LevelWarn || !strings.Contains(text, "with a password") {
		t.Errorf("besides the issuer, a file of users that can't be read:\n%s", text)
	}
	if none := api(&config.Config{}); none != nil {
		t.Errorf("without a console: %v", none)
	}
}
