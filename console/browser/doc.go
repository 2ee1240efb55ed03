// Package browser has the test of the console in a browser, on a farm with real
// packets. There is nothing else in it.
package browser
