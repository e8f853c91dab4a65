//go:build !race

package devnet

// racing says whether the race detector is on.
const racing = false

// slowness is by how much it slows everything down, at least.
const slowness = 1
