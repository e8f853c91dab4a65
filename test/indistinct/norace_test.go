//go:build !race

package indistinct

// racing says whether the race detector is on.
const racing = false
