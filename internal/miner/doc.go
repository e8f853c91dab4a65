// Package miner is the role of a GPU owner: it declares capacities, and passes
// validators' requests on to the operator's own model servers.
//
//	validator ──TLS──► admit ─► signature ─► parse ─► volume ─► slots ─► engine ─► model server
//	                                │429+Retry-After┘
//
// Invariants: a validator is served its share of stake of each declared volume
// a period, over time (at most two periods' shares at once, and as much more as
// answers turn out longer than usual), and beyond it gets 429 at once; requests past a
// slot limit are refused at once, never queued; a slot is free again the moment
// its request ends, however it ends; what was reserved of a volume and not
// served is given back; a new configuration changes limits for new requests and
// leaves running ones alone.
//
// An Engine is what the miner knows of one make of model server: one file each.
package miner
