// Package imagefetch fetches the pictures that customers' requests link to. It
// is the one place where the gateway goes where a stranger tells it to.
//
// Invariants:
//
//   - Nothing but public addresses is connected to. That is decided of the
//     address that is about to be dialled, after every resolution: a name that
//     leads elsewhere the second time, and a redirect, gain nothing. Loopback,
//     private, link-local (cloud metadata), carrier-grade NAT, multicast,
//     reserved and documentation ranges are refused, in IPv4 and IPv6, also
//     where an IPv4 address hides in an IPv6 one (mapped, NAT64, 6to4, Teredo). So
//     are the host's own addresses, public or not: services listen there that
//     are not meant for strangers.
//   - No proxy of the environment is used, no cookie kept, no credential sent:
//     URLs with a user or password are refused, and no referrer is given.
//   - A fetch is bounded in time, redirects, bytes (of the body as it is on the
//     wire: no compression is accepted), headers, and how many there are at once.
//   - Errors tell the customer what went wrong with the URL, and nothing of what
//     was found inside a network: refused addresses, names that do not resolve
//     and servers that cannot be connected to all read alike.
//
// A file is judged by whoever reads it; here it must only begin as a picture.
package imagefetch
