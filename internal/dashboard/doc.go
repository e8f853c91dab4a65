// Package dashboard is what a gateway shows a browser: the page at / with the
// models on offer, a playground, code to copy and the API's reference; the same
// offer as /status.json; and the API's description as /openapi.json.
//
//	web/       the page, its styles and its scripts, as they are sent
//	openapi/   the description, an object a file; document.go puts it together
//
// Invariants:
//
//   - Everything is in the program: a page asks no other origin for anything,
//     and its Content-Security-Policy would not let it.
//   - Nothing here asks for a key or learns one. The page keeps the visitor's
//     key in the tab and sends it to the API alone.
//   - /status.json holds what is listed in status.go and nothing else: no
//     miner, no customer, no figure that the operator does not publish.
//   - Files are made ready once, at the start: compressed and hashed. Assets
//     are below a path that changes with any of them, so that browsers may
//     keep them for ever; the rest is compared by ETag each time.
package dashboard
