// Package transport is how neurons talk: TLS 1.3 in which each side proves its
// hotkey. docs/protocol.md specifies the bytes, for other implementations.
//
// Each side makes an ephemeral TLS key in a self-signed certificate, and signs
// that key with its hotkey in a certificate extension. TLS proves the TLS key,
// the extension ties it to the hotkey:
//
//	hotkey (sr25519, on the ledger)
//	   |  signs: network, validity, TLS public key      -- certificate extension
//	TLS key (ephemeral, rotated)
//	   |  signs: this handshake                         -- TLS 1.3 CertificateVerify
//	connection
//
// Invariants:
//   - A [Dialer] returns a connection only to the hotkey it was told to expect.
//   - A [Listener] returns a connection only from a hotkey that its admit
//     function let in; nobody else gets a byte of HTTP read.
//   - No session is ever resumed, so every connection was checked in full.
//   - A connection, once made, outlives the certificates it was made with:
//     rotation drops nothing. [Admit] checks the caller again at each request.
//   - Peers that are slow or hostile in the handshake hold up nobody else.
//
// One signature and one verification by sr25519 are paid per connection, none
// per request: keep connections.
package transport
