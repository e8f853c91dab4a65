#!/usr/bin/env bash
# Prints the path of a wheel of llama-cpp-python that runs on this machine.
# Built from the source distribution when there is none, which takes about 10
# minutes on 2 cores, and kept in ~/.cache/vision-wheels. llama.cpp is compiled
# for the processor that it is built on, so the folder is named after the
# processor's abilities: a cache that moves to another machine does no harm.
set -u -o pipefail

version=0.3.36
python=${PYTHON:-python3}
abilities=$(uname -m; grep -m1 -E '^(flags|Features)' /proc/cpuinfo)
tag=$("$python" -c 'import sys; print("py%d%d" % sys.version_info[:2])')
folder=${XDG_CACHE_HOME:-$HOME/.cache}/vision-wheels/$(sha256sum <<<"$abilities" | cut -c1-12)-$tag

find_wheel() { ls "$folder"/llama_cpp_python-"$version"-*.whl 2>/dev/null | head -n1; }

if [ -z "$(find_wheel)" ]; then
  mkdir -p "$folder" || exit 1
  building=$(mktemp -d "$folder/building.XXXXXX") || exit 1
  trap 'rm -rf "$building"' EXIT
  echo "building llama-cpp-python $version for this processor; this takes a while" >&2
  start=$SECONDS
  # Not from pip's cache, whose wheels may be another processor's.
  CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) \
    timeout -k 30 2100 "$python" -m pip wheel --retries 10 --timeout 60 --disable-pip-version-check --no-cache-dir --no-deps --no-binary llama-cpp-python \
    -w "$building" "llama-cpp-python==$version" >"$building/log" 2>&1 </dev/null || {
    tail -n 40 "$building/log" >&2
    echo "FAILED: build llama-cpp-python" >&2
    exit 1
  }
  mv "$building"/*.whl "$folder/" || exit 1
  echo "built in $((SECONDS - start)) s" >&2
fi
find_wheel
