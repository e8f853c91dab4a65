#!/usr/bin/env bash
# Runs a command and fails if it changed, added or removed a file that git
# would keep. What was uncommitted before does not matter.
set -u -o pipefail

state() {
  git ls-files --cached --others --exclude-standard | sort | while IFS= read -r file; do
    if [ -f "$file" ]; then printf '%s\n' "$file"; fi
  done >"$list"
  git hash-object --no-filters --stdin-paths <"$list" | paste -d' ' - "$list"
}

list=$(mktemp) && before=$(mktemp) && after=$(mktemp) || exit 1
trap 'rm -f "$list" "$before" "$after"' EXIT
state >"$before"
"$@" || exit
state >"$after"
if ! changed=$(diff "$before" "$after"); then
  echo "FAILED: '$*' changed files; look at them and commit what is right:" >&2
  grep '^[<>]' <<<"$changed" | cut -d' ' -f3- | sort -u >&2
  exit 1
fi
