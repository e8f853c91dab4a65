//go:build race

package main

// racing says whether the race detector is on.
const racing = true
