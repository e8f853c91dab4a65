// Package dispatch decides which miner is asked. It is pure: the candidates'
// measured state and uniform random numbers in, an index out.
//
// The expected cost of asking a miner is its expected time to first output,
// divided by its chance to answer well, and grown by its load and by how much
// of its capacity is used up. Two candidates are drawn at random and the
// cheaper is asked (power of two choices), which spreads load without any
// coordination and keeps measuring everybody; nobody who has no slot or no
// capacity left is asked while another has.
package dispatch
