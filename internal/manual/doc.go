// Package manual runs the commands of docs as they stand there, on machines of a lab,
// so that a page can't say what does not work.
//
// A fenced block of sh that follows a line <!-- ci: MACHINES --> is run line by line, on
// each of the machines in turn: web1, web2, web3, or the client of the farm that
// tutorial.md makes. thr1-… stands for what `thresher invite` printed last. Lines that
// can't be run there are listed, with the reason, in leftOut; what is neither run nor
// listed fails a test.
package manual
