// Package judgement turns what the checks of a miner's responses found, one
// e-value each, into a standing and a quality: for one miner on one task.
//
// An e-value is evidence against honesty: whatever came before, its expected
// value is at most 1 for an honest miner. So it is the factor of a bet that
// honesty makes fair or worse. The validator starts with a capital of 1 and
// bets it on the miner being a cheat: it wins against cheats, and against an
// honest miner nobody wins ten thousandfold but with a chance of one in ten
// thousand (Ville's inequality), however long it goes on.
//
//	wealth = sum of the three bets + what is not staked yet
//
//	each response:  a little of the reserve is staked on each bet,
//	                and bet f (0.1, 0.3, 1) is multiplied by (1-f) + f min(E, 30)
//
// Half of the capital is staked at the beginning. The rest, the reserve, is
// staked bit by bit, for a miner that turns later: bets that honesty has worn
// down begin again and again. Bets with a small f lose little on honest
// responses, and so find one who cheats with few of many; f = 1 finds a plain
// cheat in the fewest responses.
//
//	          wealth >= 20            wealth >= 1/alpha, or a proof
//	trusted ──────────────► watched ───────────────────────► convicted ◄─┐
//	   ▲  ◄──────────────── │   ▲  │                          │       └──┘
//	   │     wealth < 2     │   │  └─ probation over          │  clean record
//	   └────────────────────┘   │     (as many again) ──► trusted   broken: from 0
//	                            └─────────────────────────────┘
//	                                clean record: Redeem responses,
//	                                twice as many with each conviction
//
// A proof is a response that is wrong in a way that no honest server's is
// (its text is not what its token ids stand for): one is enough. Whoever calls
// has had it judged twice.
//
// Invariants: an honest miner is ever convicted with a chance of at most
// Alpha, and ever watched with one of at most 1/Watch, as long as the e-values
// are what they claim; wealth is finite and above 0; quality is in [0, 1],
// never NaN, and 0 exactly while convicted; within a term (up to a conviction)
// a larger E never makes for less wealth. The order of responses matters a
// little, because what is staked late has missed what came early.
// docs/verification.md has the proof in a page.
package judgement
