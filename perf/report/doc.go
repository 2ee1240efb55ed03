// Package report turns measurements into figures that can be compared: medians,
// spreads and ratios, as a table, as JSON and as one HTML page. It measures
// nothing and is a pure function of what it is given.
package report
