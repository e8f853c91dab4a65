#!/usr/bin/env bash
# Tries the adapter of llama.cpp's own server on the server itself: honest
# answers must pass, those of fewer bits, of another model and cut short must not.
#
# llama-server is built from the sources that llama-cpp-python's distribution
# brings (10 to 20 minutes of one core, 0.6 GB) and kept in
# ~/.cache/vision-llama-server, the models in ~/.cache/vision-verification
# (test/verification). With both there it takes some minutes. Not part of CI.
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
fail() { echo "FAILED: $*" >&2; exit 1; }
started=()
trap 'kill "${started[@]}" 2>/dev/null' EXIT
source ../verification/prepare.sh

version=0.3.36 # as in wheel.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vision-llama-server
server=$cache/build/bin/llama-server
if [ ! -x "$server" ]; then
  mkdir -p "$cache" || exit 1
  echo "building llama-server; this takes a while" >&2
  sources=$cache/llama_cpp_python-$version
  if [ ! -d "$sources" ]; then
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary llama-cpp-python -d "$cache" "llama-cpp-python==$version" || fail "download the sources"
    tar xzf "$cache/llama_cpp_python-$version.tar.gz" -C "$cache" || fail "unpack the sources"
  fi
  {
    cmake -S "$sources/vendor/llama.cpp" -B "$cache/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
      -DLLAMA_BUILD_SERVER=ON -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_UI=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF &&
      nice -n 19 cmake --build "$cache/build" --target llama-server --parallel "$(nproc)"
  } >"$cache/log" 2>&1 </dev/null || fail "build llama-server, see $cache/log"
fi

# serve MODEL VARIABLE: starts a server and puts its URL into the environment.
serve() {
  local port log=$cache/$1.log
  port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$server" -m "$folder/models/$1.gguf" --alias smollm2 --host 127.0.0.1 --port "$port" -t 1 -c 2048 -np 2 >"$log" 2>&1 &
  started+=($!)
  for _ in $(seq 240); do
    curl -fsS -m 2 "http://127.0.0.1:$port/health" >/dev/null 2>&1 && export "$2=http://127.0.0.1:$port" && return
    kill -0 "${started[-1]}" 2>/dev/null || fail "llama-server ended, see $log"
    sleep 0.25
  done
  fail "llama-server is not up after a minute, see $log"
}
serve claim LLAMA_REFERENCE
serve claim-bf16 LLAMA_HONEST
serve q4 LLAMA_Q4
serve pruned LLAMA_PRUNED
cd ../.. && go test -tags llamaserver -count=1 -v -timeout 30m -run TestLlamaServer ./internal/checker/eval || fail "the adapter and the server do not agree"
