// Package node assembles roles into processes: a miner, a validator, a
// checking server. It is where a configuration file becomes listeners,
// connections, databases and goroutines; the roles themselves know none of
// these. The program's commands and the devnet both build on it.
//
//	Miner      ledger view ─ TLS listener ─ miner
//	Validator  ledger view ─ store ─ relay ─┬─ gateway ─ HTTP listener
//	                                        ├─ scorer
//	                                        └─ checker (or another process's)
//	Checker    TLS listener ─ checker
//
// Every node also has the operator's listener (health, readiness, metrics).
// Listeners are bound before a node calls itself ready; on stop, what takes
// work in stops first.
package node
