//go:build race

package main

// racing says whether the race detector is on.
const racing = true

// slowness is by how much the race detector slows everything down, at least; 1 without it.
const slowness = 2
