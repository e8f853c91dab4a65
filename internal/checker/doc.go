// Package checker is the checking server: it judges whether a sampled answer
// is one that the task's own model would have given, by asking a reference
// that the validator trusts.
//
//	CheckRequest ─► payload read ─► answer read ─┐
//	                     └──► Reference ─► scores ┴► tests ─► e-value ─► quality
//
// What kind of evidence an answer offers (task.Evidence) decides who judges:
// tokens by log-probabilities and replay, images and vectors by recomputing
// them. A Reference says what it can prove; the strongest test that it allows
// is used. To add a kind of evidence, a reference engine or a chat template,
// write a file and name it in the table beside its interface.
//
// Invariants:
//
//   - A verdict is about the miner, an error about us. A reference that is
//     down, slow or confused, a full queue, a panic in our own code: all are
//     errors, never a quality. The sample stays pending, and costs nobody.
//   - A request that cannot be checked (a penalty or a tool changes the
//     distribution in a way no reference here repeats) is an error of kind
//     Invalid with code "not_checkable": no guilt, and no pass either.
//   - Quality is in [0, 1] and never NaN; Work is at most the outcome's.
//   - Detail holds counts and ids' positions, never text.
//   - Whatever a miner sends, judging it is bounded in time and memory.
//
// What a reference says becomes positions, and the package evidence below this
// one turns positions and bounds (calibration) into evidence; eval measures all
// of it by label. Tests for text are e-values: for an honest miner their expected value is at
// most 1 as long as the bounds on honest noise hold, whatever the prompt.
// docs/verification.md has the formulas and what was measured with them.
package checker
