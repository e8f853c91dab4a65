// Package daemon starts and stops the parts of a process.
//
// A Group holds components in the order in which they depend on one another.
// Run starts them all, says when all are ready, and ends when the context does
// or when any component fails: then it stops them in the reverse order, under
// one deadline, and returns the first failure.
//
//	starting ──all started──► ready ──context done or a failure──► stopping ──► stopped
//
// Invariants: a component's Start binds what it needs before it returns; Stop
// is called once for each component that started, and never concurrently with
// another's; Run returns only when every component's goroutines have ended or
// the deadline has passed.
package daemon
