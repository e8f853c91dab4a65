// Package obs is how an operator sees a running process: structured logs, and
// on a listener of its own /healthz, /readyz and Prometheus metrics.
//
// /healthz answers 200 while the process lives. /readyz answers 200 once every
// part has started and until stopping begins, and 503 with the names of the
// parts that are not ready otherwise. Nothing here ever shows a prompt, a key
// or a secret.
package obs
