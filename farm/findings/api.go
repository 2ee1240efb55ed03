package findings

import (
	"errors"
	"fmt"

	"thresher/config"
	"thresher/console"
	"thresher/console/access"
	"thresher/console/signon"
	"thresher/health"
)

// api judges whether people and tools can come in as the configuration says; there are
// none where none shall. A restart checks so that it does not end in a process that can't
// start.
func api(cfg *config.Config) []health.Finding {
	if len(cfg.API.Listeners) == 0 {
		return nil
	}
	var list []health.Finding
	for _, l := range cfg.API.Listeners {
		if addr := l.Address.Addr(); !addr.IsUnspecified() {
			list = append(list, health.OwnAddress("api.listen", addr))
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
	return append(list, Users(cfg, access.NewKeeper(access.Options{File: cfg.API.Users}))...)
}

// Users warns where nobody can log in with a password; not where there is no user because
// people log in by an issuer.
func Users(cfg *config.Config, keeper *access.Keeper) []health.Finding {
	err := keeper.Problem()
	if err == nil || cfg.API.OIDC.Issuer != "" && errors.Is(err, access.ErrNoUser) {
		return nil
	}
	return []health.Finding{{
		Level: health.LevelWarn, What: fmt.Sprintf("nobody can log in to the console with a password or a token: %v", err),
		Cure: "thresher user add NAME --role admin --users " + cfg.API.Users,
	}}
}
