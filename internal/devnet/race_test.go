//go:build race

package devnet

// racing says whether the race detector is on.
const racing = true
