package farm

import (
	"fmt"

	"thresher/config"
	"thresher/console"
	"thresher/console/access"
	"thresher/console/signon"
	"thresher/health"
)

// APIFindings judges whether people and tools can come in as the configuration
// says; there are none where none shall. It changes nothing: a restart checks so
// that it does not end in a process that can't start.
func APIFindings(cfg *config.Config) []health.Finding {
	if len(cfg.API.Listeners) == 0 {
		return nil
	}
	var list []health.Finding
	for _, l := range cfg.API.Listeners {
		if addr := l.Address.Addr(); !addr.IsUnspecified() {
			list = append(list, health.OwnAddress(addr))
		}
	}
	if cfg.API.Cert != "" {
		if _, err := console.LoadCertificate(cfg.API.Cert, cfg.API.Key); err != nil {
			list = append(list, health.Finding{Level: health.LevelError, What: err.Error()})
		}
	}
	if o := cfg.API.OIDC; o.SecretFile != "" {
		if _, err := signon.ReadSecret(o.SecretFile); err != nil {
			list = append(list, health.Finding{
				Level: health.LevelWarn, What: fmt.Sprintf("nobody can log in by %s: %v", o.Host(), err),
				Cure: "have the client's secret in api.oidc.client_secret_file, for its owner alone",
			})
		}
	}
	keeper := access.NewKeeper(access.Options{File: cfg.API.Users})
	if err := keeper.Problem(); err != nil && cfg.API.OIDC.Issuer == "" {
		list = append(list, health.Finding{
			Level: health.LevelWarn, What: fmt.Sprintf("nobody can log in to the console: %v", err), Cure: usersCure(cfg),
		})
	}
	return list
}

// usersCure is what to do where nobody can log in.
func usersCure(cfg *config.Config) string {
	return "thresher user add NAME --role admin --users " + cfg.API.Users
}
