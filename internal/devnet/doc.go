// Package devnet runs a whole network in one process on loopback: an embedded
// ledger, model servers, miners and a validator, each with its own hotkey, port
// and TLS, talking over real sockets.
//
//	ledger ◄─ validator (gateway, scorer, checker) ──TLS──► miners ──► model servers
//
// Nothing in it is faked but the GPUs: model servers run the built-in
// reference model, or a real OpenAI-compatible server is put in their place.
// Cheats are dishonest operators, never dishonest code: an honest miner in front
// of a crooked model server, or with a lying configuration; one file each.
//
// State lives in one folder: the ledger, the hotkeys, the validator's database,
// the API key and the task catalogue, which may be edited while the network
// runs. A devnet started again on the folder goes on where it was.
package devnet
