// Package private is a network without a chain: one YAML file names the
// neurons, their stakes and their addresses, and everybody who has a copy of
// the file is on the network.
//
//	network: lab              # a name of your choice, the same for all
//	netuid: 19
//	stake_threshold: 1000     # TAO
//	neurons:
//	  - hotkey: 5F3sa2TJAWMqDhXG6jhV4N8ko9SxwGy8TpaNS1repo5EYjQX
//	    role: validator
//	    stake: 5000
//	  - hotkey: 5DAAnrj7VHTznn2AWBemMuyBwZWs6FNFjdyVXUeYum3PTXFy
//	    role: miner
//	    address: 192.0.2.7:9100
//
// The file is read again when it changes, so members come and go by editing
// it. While an edit is wrong, Snapshot fails and says why, with the line; who
// asks goes on with the last snapshot. Announce changes nothing: it checks
// that the file has the neuron at the address where it listens.
//
// Block numbers count block times since 1970, so all members agree on them
// without talking. Their hashes are repeatable and public, but anyone can
// foresee them: a private network trusts its members that far.
//
// Weights are recorded per validator in a directory, by hotkey, so that they
// outlive edits of the file. Incentives follow from the weights found there by
// Yuma consensus without bonds' history, as soon as they are set. Validators on
// other machines are seen only if they share that directory.
package private
