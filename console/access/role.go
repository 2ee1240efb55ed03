package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what somebody may do.
type Role string

// The roles. Each may do what those below it may.
const (
	// Monitor may see everything and change nothing.
	Monitor Role = "monitor"
	// Control may also start, stop, drain and restart nodes.
	Control Role = "control"
	// Admin may do all that there is.
	Admin Role = "admin"
)

// Roles are all roles, the lowest first.
func Roles() []Role { return []Role{Monitor, Control, Admin} }

// ParseRole reads a role's name.
func ParseRole(text string) (Role, error) {
	if r := Role(text); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", fmt.Errorf("%q is no role; use admin, control or monitor", text)
}

// Allows tells whether r may do what needs the other role. What is no role allows
// nothing.
func (r Role) Allows(need Role) bool {
	have, want := slices.Index(Roles(), r), slices.Index(Roles(), need)
	return have >= 0 && want >= 0 && have >= want
}

// Identity is somebody who was let in.
type Identity struct {
	// Name is who it is, as the audit log shows it.
	Name string
	Role Role
}

// String is the name with its role.
func (i Identity) String() string { return strings.TrimSpace(i.Name + " (" + string(i.Role) + ")") }
