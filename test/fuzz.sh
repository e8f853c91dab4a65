#!/usr/bin/env bash
# Runs every fuzz target there is, each for the given time (5s): fuzz.sh [TIME]
# The targets are found in the test files that go list names, so that none is forgotten.
set -u -o pipefail

time=${1:-5s}
ran=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# overdue says whether a run failed by nothing but that its time was over. Go up to 1.26
# says so by chance where the machine is busy, for nothing that it found: golang/go#75804.
overdue() {
  ! grep -qE 'Failing input|panic:|_test\.go:[0-9]' "$log" &&
    [ "$(grep -A1 -E '^--- FAIL: ' "$log" | sed '1d; s/^ *//')" = 'context deadline exceeded' ]
}

packages=$(go list -f '{{$d := .Dir}}{{$p := .ImportPath}}{{range .TestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}' ./...) || exit 1
while read -r package file; do
  [ -n "$package" ] || continue
  for target in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$file"); do
    echo "== $package $target"
    if ! go test -run "^$target\$" -fuzz "^$target\$" -fuzztime "$time" "$package" >"$log" 2>&1 </dev/null; then
      overdue || { cat "$log"; echo "FAILED: $package $target" >&2; exit 1; }
    fi
    grep -vE '^fuzz: elapsed.*gathering' "$log"
    ran=$((ran + 1))
  done
done <<<"$packages"
[ "$ran" -gt 0 ] || { echo "FAILED: found no fuzz targets" >&2; exit 1; }
echo "fuzzed $ran targets for $time each"
