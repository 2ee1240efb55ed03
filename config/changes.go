package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// Effect is what it takes to go from one configuration to another. The greater
// contains the smaller.
type Effect uint8

const (
	// EffectNone changes nothing.
	EffectNone Effect = iota
	// EffectWeights changes what this node serves of which rule: no part of it needs
	// more than to be told.
	EffectWeights
	// EffectRestart changes what a process is made with. The next one goes on where
	// this one stops.
	EffectRestart
	// EffectRules changes what all nodes must have alike, so that nodes with the one
	// configuration and nodes with the other cannot share the clients.
	EffectRules
	// EffectAnew changes who this node is, or how the others find it: it ends as the
	// one and begins as the other.
	EffectAnew
)

// Change is one difference between two configurations.
type Change struct {
	// Key is where, as a path of the file's keys.
	Key string
	// Old and New are the values; empty for what is not there, or is secret.
	Old, New string
	// Effect is what the difference needs.
	Effect Effect
}

// String is the change for people.
func (c Change) String() string {
	switch {
	case c.Old == "" && c.New == "":
		return c.Key + " changed"
	case c.Old == "":
		return fmt.Sprintf("%s is new: %s", c.Key, c.New)
	case c.New == "":
		return fmt.Sprintf("%s is gone, it was %s", c.Key, c.Old)
	}
	return fmt.Sprintf("%s: %s, was %s", c.Key, c.New, c.Old)
}

// anew are the settings that make a node another one.
var anew = map[string]bool{
	"node": true, "interface": true, "run_dir": true, "api.socket": true,
	"cluster.bind": true, "cluster.insecure": true, "cluster.keys": true,
}

// keyOf are the file's keys for what Config has under another name.
var keyOf = map[string]string{
	"node": "node.name", "node.no_vipchecks": "node.vip_checks", "cluster.keys": "cluster.key_file", "cluster.further": "cluster.bind",
	"api.socket": "api.listen", "api.listeners": "api.listen", "api.cert": "api.tls.cert", "api.key": "api.tls.key",
	"api.oidc.secret_file": "api.oidc.client_secret_file", "api.oidc.claim": "api.oidc.roles.claim",
	"api.oidc.admin": "api.oidc.roles.admin", "api.oidc.control": "api.oidc.roles.control", "api.oidc.monitor": "api.oidc.roles.monitor",
}

// sections are the fields of Config whose fields are compared one by one, with the
// file's keys for them.
var sections = map[string]string{
	"life": "node", "cluster": "cluster", "datapath": "datapath", "api": "api", "api.oidc": "api.oidc",
}

// unsaid are what changes without its values: keys are secret, and no_vipchecks is the
// contrary of what the file has.
var unsaid = map[string]bool{"cluster.keys": true, "node.no_vipchecks": true}

// Changes lists how next differs from c, in the order of the schema.
func (c *Config) Changes(next *Config) []Change {
	alike := EffectRestart // of what all nodes must have alike
	if c.RulesDigest() != next.RulesDigest() {
		alike = EffectRules
	}
	list := changes(reflect.ValueOf(*c), reflect.ValueOf(*next), "", func(path string) Effect {
		switch {
		case anew[path]:
			return EffectAnew
		case path == "vips" || path == "default":
			return alike
		}
		return EffectRestart
	})
	return append(list, c.ruleChanges(next, alike)...)
}

// EffectOf is the greatest effect of the changes.
func EffectOf(list []Change) Effect {
	most := EffectNone
	for _, one := range list {
		most = max(most, one.Effect)
	}
	return most
}

// changes compares structs field by field, but for the rules.
func changes(old, next reflect.Value, path string, effect func(string) Effect) (list []Change) {
	for i := range old.NumField() {
		at := child(path, snake(old.Type().Field(i).Name))
		a, b := old.Field(i), next.Field(i)
		switch section := sections[at]; {
		case at == "rules":
		case section != "":
			list = append(list, changes(a, b, section, effect)...)
		case !reflect.DeepEqual(a.Interface(), b.Interface()):
			one := Change{Key: cmp.Or(keyOf[at], at), Effect: effect(at)}
			if !unsaid[at] && sayable(a.Type()) {
				one.Old, one.New = valueText(a.Interface()), valueText(b.Interface())
			}
			list = append(list, one)
		}
	}
	return list
}

// sayable tells whether everybody may see values of a type. A change is told to who may
// not read the configuration, and services, checks and notifications have secrets in
// their arguments, headers, environments and URLs: structs are left out that do not say
// by String what of them is to be seen.
func sayable(t reflect.Type) bool {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Kind() != reflect.Struct || t.Implements(reflect.TypeFor[fmt.Stringer]())
}

// valueText is a value for people; empty for one that is not set.
func valueText(v any) string {
	if a, ok := v.(interface{ IsValid() bool }); ok && !a.IsValid() {
		return ""
	}
	return fmt.Sprint(v)
}

// snake is a Go name as the file spells it: JoinTimeout as join_timeout.
func snake(name string) string {
	var b strings.Builder
	var last rune
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
		last = r
	}
	return b.String()
}

// ruleChanges compares the rules by name. Of a rule that both have, what each node
// has for itself is compared apart.
func (c *Config) ruleChanges(next *Config, alike Effect) (list []Change) {
	for _, was := range c.Rules {
		at := "rules." + was.Name
		i := slices.IndexFunc(next.Rules, func(r Rule) bool { return r.Name == was.Name })
		if i < 0 {
			list = append(list, Change{Key: at, Old: "there", Effect: EffectRules})
			continue
		}
		is := next.Rules[i]
		own := func(key string, a, b any) {
			if old, now := fmt.Sprint(a), fmt.Sprint(b); old != now {
				list = append(list, Change{Key: at + "." + key, Old: old, New: now, Effect: EffectWeights})
			}
		}
		own("weight", was.Weight, is.Weight)
		own("priority", was.Priority, is.Priority)
		own("nodes", servedBy(was), servedBy(is))
		if !reflect.DeepEqual(was.shared(), is.shared()) {
			list = append(list, Change{Key: at, Effect: alike})
		}
	}
	for _, is := range next.Rules {
		if !slices.ContainsFunc(c.Rules, func(r Rule) bool { return r.Name == is.Name }) {
			list = append(list, Change{Key: "rules." + is.Name, New: "there", Effect: EffectRules})
		}
	}
	if sameNames(c.Rules, next.Rules) && !slices.EqualFunc(c.Rules, next.Rules, func(a, b Rule) bool { return a.Name == b.Name }) {
		list = append(list, Change{Key: "rules", Old: ruleNames(c.Rules), New: ruleNames(next.Rules), Effect: EffectRules})
	}
	return list
}

// sameNames tells whether the rules have the same names, in whatever order.
func sameNames(a, b []Rule) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(r Rule) bool {
		return !slices.ContainsFunc(b, func(o Rule) bool { return o.Name == r.Name })
	})
}

// shared is the rule without what each node has for itself.
func (r Rule) shared() Rule {
	r.Weight, r.Priority, r.Nodes = 0, 0, nil
	return r
}

func servedBy(r Rule) string {
	if len(r.Nodes) == 0 {
		return "all"
	}
	return strings.Join(r.Nodes, ", ")
}

func ruleNames(rules []Rule) string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.Name
	}
	return strings.Join(names, ", ")
}
