// Package supervise runs a node's services and checks. It carries out what the
// machines of health/check, health/service and health/life decide: each probe and
// each command on a goroutine of its own, so that one that hangs holds up neither
// another nor who asks for the picture.
package supervise
