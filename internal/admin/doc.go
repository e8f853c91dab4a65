// Package admin is how access is administered: projects, keys, deposits and
// corrections, usage, receipts, statements, prices, and the proof that the books
// are in order.
//
//	cmd/vision ─────────┐
//	                    ├──► Office ──► the store
//	Server (/admin/v1) ─┘
//
// An Office does the work; the commands and the HTTP API are two ways to ask for
// it, with the same rules, the same errors and the same JSON. It runs beside
// gateways, in their process or another: they take up what it changes within a
// second.
//
// The Server answers to one credential, a token, of which it keeps the hash.
// Whoever sends wrong ones is held off by address. Amounts in JSON and CSV are
// whole micro-credits, times are RFC 3339 in UTC, days are of UTC.
package admin
