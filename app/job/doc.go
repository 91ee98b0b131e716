// Package job runs long work: one goroutine per Job, progress sampled for whoever shows it, an estimate of the
// time left, cancel and wait; and it remembers work that was not finished (Log), so that it can go on after the
// process was killed.
//
// A Runner lets one heavy Job run at a time, in the order they came; the others wait with Stage "wait".
// Whoever starts a Job waits for it: Wait returns after the last progress was delivered. Log writes through a Records
// store that its owner opens and closes.
package job
