// Package eval is the labelled evaluation of the checker: what it finds of
// which cheat within how many tokens and responses, how often it convicts the
// honest, what it costs, and what the rule that it replaces finds in the same
// responses. `vision checker eval` is its command.
//
//	classes ──► server answers ──► Checker.Measure ──► evidence.Response (recorded as JSONL)
//	                                                       │
//	        recordings of real models ─────────────────────┤
//	                                                       ▼
//	           split by prompt: calibration │ test ──► Report ──► text, Markdown, JSON
//
// Invariants:
//
//   - What is measured is the code that judges miners: the checker's own
//     reading of an answer, and the evidence that it weighs.
//   - Calibration and test share no prompt.
//   - The same options give the same report, times apart.
package eval
