// Package invite lets a machine into a farm whose key it does not have: by a token
// that is good once and not for long, and that names by its fingerprint the only
// farm that the machine will talk to.
package invite
