// Package setup is `thresher init` in a browser: a page on a loopback address that asks
// init's questions, shows the configuration that comes of the answers, and has it
// written. It decides nothing itself: what is asked, what is right and what is written
// is init's.
package setup
