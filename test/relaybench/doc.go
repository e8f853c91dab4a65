// Command relaybench measures the request path against a bare
// httputil.ReverseProxy, side by side, on loopback:
//
//	load ──TCP──► gateway: keys, limits, dispatch, relay, journal ──mutual TLS──► upstream
//	load ──TCP──► baseline: httputil.ReverseProxy ─────────────────plain TCP────► upstream
//
// Each box is a process of its own, this program started again in a role, and
// says what CPU time and memory it used over its standard input and output.
// The two proxies are measured in turn, several rounds; a ratio is taken within
// each round, and the table shows the median of the rounds with their range.
//
//	go run ./test/relaybench                 # the figures of docs/performance.md, with their targets
//	go run ./test/relaybench -check          # the same; exit status 1 if a target is missed
//	go run ./test/relaybench -soak 100000    # count broken streams
//	go run ./test/relaybench -protocols      # HTTP/1.1 pools against HTTP/2 to the miners
package main
