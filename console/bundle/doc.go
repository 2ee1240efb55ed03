// Package bundle writes what somebody who helps wants to know of a farm into one
// archive: without secrets, and on request without names and addresses.
package bundle
