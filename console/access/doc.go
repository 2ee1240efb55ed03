// Package access decides who may use the API from outside the machine: users
// with passwords and browser sessions, machines with tokens, each with a role.
// It knows nothing of HTTP.
package access
