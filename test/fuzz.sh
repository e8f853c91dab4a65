#!/usr/bin/env bash
# Runs every fuzz target there is, each for the given time (5s): fuzz.sh [TIME]
# The targets are found in the test files that go list names, so that none is forgotten.
set -u -o pipefail

time=${1:-5s}
ran=0
packages=$(go list -f '{{$d := .Dir}}{{$p := .ImportPath}}{{range .TestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}' ./...) || exit 1
while read -r package file; do
  [ -n "$package" ] || continue
  for target in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$file"); do
    echo "== $package $target"
    go test -run "^$target\$" -fuzz "^$target\$" -fuzztime "$time" "$package" </dev/null | grep -vE '^fuzz: elapsed.*gathering' || exit 1
    ran=$((ran + 1))
  done
done <<<"$packages"
[ "$ran" -gt 0 ] || { echo "FAILED: found no fuzz targets" >&2; exit 1; }
echo "fuzzed $ran targets for $time each"
