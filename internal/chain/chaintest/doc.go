// Package chaintest is what every ledger must do, as a test suite, and two
// tools for tests of those who use one: a clock that moves by hand and Flaky,
// a ledger that fails both ways.
package chaintest
