// Package bench measures Thresher beside what does the same without it. A
// scenario is one question; each engine that it concerns is set up in a lab of
// its own, all of them at once, and then they are measured in turn, A B C, C B A,
// so that what changes on the machine in the meantime meets all of them.
package bench
