#!/usr/bin/env bash
# Looks for fused multiply-add in what the compiler makes of internal/score for arm64. Fused, a product
# that is added to something rounds once instead of twice, so that a machine with such instructions
# would give other last bits than one without, and validators who saw the same would disagree.
set -euo pipefail
cd "$(dirname "$0")/.."
assembly=$(mktemp)
trap 'rm -f "$assembly"' EXIT
GOARCH=arm64 CGO_ENABLED=0 go build -gcflags=vision/internal/score=-S ./internal/score >"$assembly" 2>&1
grep -q FMULD "$assembly" || { echo "the compiler wrote no assembly" >&2; exit 1; }
if grep -E '\bFN?M(ADD|SUB)[SD]\b' "$assembly"; then
  echo "internal/score: convert the product, float64(x*y) + z, where these lines say (a division by a power of 2 is a product, too)" >&2
  exit 1
fi
echo "internal/score has no fused operations"
