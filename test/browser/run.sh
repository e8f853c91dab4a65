#!/usr/bin/env bash
# Drives the page of a devnet in headless Chromium, as a visitor would, and runs
# the code that it shows. Needs chromium (or CHROMIUM=path), node, npm and
# python3 with venv; packages are installed into a temporary folder, at the
# versions that are locked here. Takes two minutes. Ends with 75 without Chromium.
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
source ../devnet.sh

CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
if [ ! -x "$CHROMIUM" ]; then
  echo "there is no Chromium: install the package chromium, or set CHROMIUM" >&2
  exit 75
fi
export CHROMIUM
trap stop_all EXIT

vision=$scratch/vision
(cd ../.. && go build -o "$vision" ./cmd/vision) || fail "build the program"
export VISION_SOURCE=$scratch/source # a place where go run finds the SDK, and nothing of ours is written to
mkdir "$VISION_SOURCE" && cp ../../go.mod ../../go.sum "$VISION_SOURCE" || fail "copy the module's versions"

python3 -m venv "$scratch/python" || fail "make a virtual environment"
"$scratch/python/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt || fail "install the Python SDK"
export PYTHON=$scratch/python/bin/python
mkdir "$scratch/test" && cp ./*.js package.json package-lock.json "$scratch/test" && (cd "$scratch/test" && npm ci --silent) || fail "install the packages"

start_devnet --period 30s --miners 3
export VISION_API=$api VISION_KEY=$key
"$CHROMIUM" --version 2>/dev/null
(cd "$scratch/test" && node --test --test-concurrency=1 --test-timeout=300000) || fail "the page"
stop_devnet
