#!/usr/bin/env bash
# Looks for known vulnerabilities in the code that the program can reach.
# VULNDB names another database, such as file:///path/to/a/copy. Where the
# database cannot be reached nothing is checked: it says so and exits with 75,
# which .ci/run counts as skipped.
set -u -o pipefail

tool=golang.org/x/vuln/cmd/govulncheck@v1.9.0
db=${VULNDB:-https://vuln.go.dev}
source "$(dirname "$0")/packages.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
GOBIN=$folder again go install "$tool" || { echo "FAILED: install $tool" >&2; exit 1; }
out=$("$folder/govulncheck" -db "$db" ./... 2>&1)
code=$?
echo "$out"
if [ $code -ne 0 ] && grep -qE 'fetching vulnerabilities: .*(dial |lookup |timeout|deadline|connection|no such host|proxyconnect|Forbidden)' <<<"$out"; then
  echo "The vulnerability database $db is unreachable from here: NOT CHECKED."
  echo "With a copy of it, run: VULNDB=file:///path/to/copy make vulncheck"
  exit 75
fi
exit $code
