package config

import (
	"path/filepath"
	"reflect"
	"testing"
)

// oidcSection is a change of the good file that adds a console with api.oidc in line 2.
func oidcSection(yaml string) []string {
	return apiSection(`listen: ["https://192.0.2.11"], users: /u, oidc: {` + yaml + `}`)
}

const goodOIDC = `issuer: "https://login.example/realms/ops", client_id: thresher, roles: {claim: groups, admin: [ops], monitor: [Staff, "*"]}`

func TestBadOIDC(t *testing.T) {
	const (
		example  = "write an address such as https://login.example.com/realms/ops"
		redirect = "write an address such as https://farm.example.com:9453/login"
		roles    = "roles: {claim: groups, admin: [ops]}"
		rest     = `client_id: a, ` + roles
	)
	checkBad(t, []badCase{
		{"no issuer", oidcSection(rest), "2: api.oidc.issuer: is missing: " + example},
		{"no address", oidcSection(`issuer: login, ` + rest), `2: api.oidc.issuer: is no https:// address, or has more in it than host and path: ` + example},
		{"other scheme", oidcSection(`issuer: "ldap://login", ` + rest), `2: api.oidc.issuer: is no https:// address, or has more in it than host and path: ` + example},
		{"password", oidcSection(`issuer: "https://a:b@login", ` + rest), `2: api.oidc.issuer: is no https:// address, or has more in it than host and path: ` + example},
		{"clear", oidcSection(`issuer: "http://login.example", ` + rest),
			`2: api.oidc.issuer: would send secrets in clear: write https:// in place of http://, which is for loopback addresses only`},
		{"no client", oidcSection(`issuer: "https://login.example", ` + roles), "2: api.oidc.client_id: is missing: write the id that the issuer has registered for this farm's consoles"},
		{"other redirect", oidcSection(goodOIDC + `, redirect: "https://farm.example/"`),
			`2: api.oidc.redirect: does not end with /login, where the console takes the answer: ` + redirect},
		{"no claim", oidcSection(`issuer: "https://login.example", client_id: a, roles: {admin: [ops]}`),
			"2: api.oidc.roles.claim: is missing: name the claim of the ID token that says what somebody is, such as groups"},
		{"no roles", oidcSection(`issuer: "https://login.example", client_id: a, roles: {claim: groups}`),
			"2: api.oidc.roles: gives nobody a role: write which values of the claim stand for admin, control and monitor, such as admin: [ops]"},
		{"empty value", oidcSection(`issuer: "https://login.example", client_id: a, roles: {claim: groups, control: [a, ""]}`),
			"2: api.oidc.roles: has an empty value: remove it, or write the name of a group"},
		{"no console", apiSection("oidc: {" + goodOIDC + "}"),
			"2: api.oidc: is for a console that nobody can reach: add an https:// address to api.listen, or remove the section"},
	})
}

func TestOIDC(t *testing.T) {
	got := mustParse(t, with(t, oidcSection(goodOIDC+`, client_secret_file: secret`)...), noEnv()).API.OIDC
	if filepath.Base(got.SecretFile) != "secret" {
		t.Errorf("the secret is in %s", got.SecretFile)
	}
	got.SecretFile = ""
	want := OIDC{Issuer: "https://login.example/realms/ops", ClientID: "thresher", Scopes: []string{"profile", "email"}, Claim: "groups", Admin: []string{"ops"}, Monitor: []string{"Staff", "*"}}
	if !reflect.DeepEqual(got, want) || got.Host() != "login.example" {
		t.Errorf("%+v, want %+v", got, want)
	}
	local := mustParse(t, with(t, oidcSection(`issuer: "http://[::1]:8080", client_id: a, scopes: [], redirect: "http://localhost/login", roles: {claim: groups, admin: [ops]}`)...), noEnv()).API.OIDC
	if len(local.Scopes) != 0 || local.Redirect != "http://localhost/login" {
		t.Errorf("%+v", local)
	}
	if none := mustParse(t, goodFile, noEnv()).API.OIDC; !reflect.DeepEqual(none, OIDC{}) {
		t.Errorf("without the section: %+v", none)
	}
}
