// Package service is one supervised service without what runs it: when it is
// started, stopped and restarted, what is done when it does not do so in time, and
// when it has failed too often.
//
// A Machine is pure: events and the time go in, commands to be carried out come
// out. Only one command is under way at a time. A wish that arrives meanwhile is
// kept, and the latest one counts.
package service
