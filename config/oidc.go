package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
)

// LoginPath is where the console's page takes an answer of an issuer's.
const LoginPath = "/login"

// OIDC is by whom people log in to the console besides the file of users.
type OIDC struct {
	// Issuer and ClientID are empty if nobody is.
	Issuer, ClientID string
	// SecretFile has the client's secret; empty for a public client.
	SecretFile string
	// Redirect is where the issuer sends browsers; empty for where they come from.
	Redirect string
	// Scopes are what is asked for besides openid.
	Scopes []string
	// Claim names the claim of the ID token that Admin, Control and Monitor have
	// values of.
	Claim                   string
	Admin, Control, Monitor []string
}

// Host is the issuer's, for people; "" if there is none.
func (o OIDC) Host() string {
	u, err := url.Parse(o.Issuer)
	if err != nil {
		return ""
	}
	return u.Host
}

// oidc reads api.oidc. listening tells whether there is anything to log in to.
func (p *problems) oidc(raw rawOIDC, listening bool) (o OIDC) {
	const path = "api.oidc"
	if !p.written(path) && raw.Issuer == "" {
		return o
	}
	if !listening {
		p.add(path, "is for a console that nobody can reach", "add an https:// address to api.listen, or remove the section")
	}
	o = OIDC{
		Issuer: p.oidcURL(path+".issuer", raw.Issuer, "https://login.example.com/realms/ops"), ClientID: raw.ClientID,
		Scopes: raw.Scopes, Claim: raw.Roles.Claim, Admin: raw.Roles.Admin, Control: raw.Roles.Control, Monitor: raw.Roles.Monitor,
	}
	if raw.ClientID == "" {
		p.addMissing(path+".client_id", "write the id that the issuer has registered for this farm's consoles")
	}
	if raw.SecretFile != "" {
		o.SecretFile = p.filePath(path+".client_secret_file", raw.SecretFile)
	}
	if raw.Redirect != "" {
		o.Redirect = p.oidcRedirect(path+".redirect", raw.Redirect)
	}
	if raw.Scopes == nil {
		o.Scopes = []string{"profile", "email"}
	}
	if o.Claim == "" {
		p.addMissing(path+".roles.claim", "name the claim of the ID token that says what somebody is, such as groups")
	}
	all := slices.Concat(o.Admin, o.Control, o.Monitor)
	if len(all) == 0 {
		p.add(path+".roles", "gives nobody a role", "write which values of the claim stand for admin, control and monitor, such as admin: [ops]")
	}
	if slices.Contains(all, "") {
		p.add(path+".roles", "has an empty value", "remove it, or write the name of a group")
	}
	return o
}

// oidcURL reads an address that secrets are sent to: by TLS, or on this machine.
func (p *problems) oidcURL(path, text, example string) string {
	cure := "write an address such as " + example
	u, err := url.Parse(text)
	switch {
	case text == "":
		p.addMissing(path, cure)
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		p.add(path, "is no https:// address, or has more in it than host and path", cure)
	case u.Scheme == "http" && !isLoopback(u.Host):
		p.add(path, "would send secrets in clear", "write https:// in place of http://, which is for loopback addresses only")
	default:
		return text
	}
	return ""
}

func (p *problems) oidcRedirect(path, text string) string {
	const example = "https://farm.example.com:9453" + LoginPath
	text = p.oidcURL(path, text, example)
	if u, err := url.Parse(text); text != "" && (err != nil || u.Path != LoginPath) {
		p.add(path, "does not end with "+LoginPath+", where the console takes the answer", "write an address such as "+example)
		return ""
	}
	return text
}

// isLoopback tells whether a URL's host is this machine.
func isLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(trimBrackets(host))
	return host == "localhost" || err == nil && addr.IsLoopback()
}
