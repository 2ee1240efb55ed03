package signon

import (
	"cmp"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"thresher/console/access"
)

// person reads a token's claims.
func (i *Issuer) person(token *oidc.IDToken) (Person, error) {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return Person{}, err
	}
	p := Person{Subject: token.Subject}
	name, _ := claims["preferred_username"].(string)
	email, _ := claims["email"].(string)
	p.Name = cmp.Or(name, email, p.Subject)
	values := valuesOf(claims, i.config.Claim)
	if p.Role = i.role(values); p.Role == "" {
		return p, &NoRoleError{p, i.config.Claim, values}
	}
	return p, nil
}

// role is the highest that one of the values stands for; "" if none does.
func (i *Issuer) role(values []string) access.Role {
	for _, one := range []struct {
		role  access.Role
		stand []string
	}{{access.Admin, i.config.Admin}, {access.Control, i.config.Control}, {access.Monitor, i.config.Monitor}} {
		if slices.ContainsFunc(values, func(v string) bool { return slices.Contains(one.stand, v) }) {
			return one.role
		}
	}
	return ""
}

// valuesOf are a claim's: of one with that very name, or else, where the name has
// dots, of one inside another. A claim that is one text is as a list of it.
func valuesOf(claims map[string]any, name string) (list []string) {
	value, ok := claims[name]
	if outer, inner, dotted := strings.Cut(name, "."); !ok && dotted {
		if inside, ok := claims[outer].(map[string]any); ok {
			return valuesOf(inside, inner)
		}
	}
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			if text, ok := one.(string); ok {
				list = append(list, text)
			}
		}
	}
	return list
}
