#!/usr/bin/env bash
# Runs real clients against a live devnet of honest miners, one line of output
# for each client and scenario. Arguments are clients to run; all without.
#
#   curl        curl.sh
#   openai-go   go/          the official SDKs
#   openai-node node/openai.js
#   openai-py   python/openai_sdk.py
#   vercel      node/vercel.js
#   langchain-js, langchain-py
#   litellm     python/litellm_sdk.py
#
# Needs Go, curl, npm, and python3 with venv. The clients' versions are locked
# here, Node's own too: the newest clients want a newer one than distributions
# have. What is installed is kept in ~/.cache/vision-interop under the hash of
# its lock, and installed again where it is missing.
#
# Time on 2 cores: about a minute, and 3 more to install.
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
source ../devnet.sh
trap stop_all EXIT
only=("$@")

wanted() { # CLIENT...
  [ ${#only[@]} -eq 0 ] && return
  local client
  for client in "$@"; do [[ " ${only[*]} " == *" $client "* ]] && return; done
  return 1
}

cache=${XDG_CACHE_HOME:-${HOME:-$scratch}/.cache}/vision-interop
mkdir -p "$cache" || fail "make the folder $cache"

# installed NAME COMMAND LOCKS... sets folder to where COMMAND FOLDER has
# installed what the files LOCKS name, now or at an earlier time.
installed() {
  local name=$1 command=$2 start=$SECONDS tag
  shift 2
  tag=$(cat "$@" - <<<"$(uname -sm) $(python3 -VV) $(python3 -c 'import sys; print(sys.base_prefix)')" | sha256sum | cut -c1-16)
  folder=$cache/$name-$tag
  exec 9>"$cache/$name.lock" && flock -w 600 9 || fail "wait for another run that installs $name"
  if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder" && mkdir "$folder" && "$command" "$folder" "$1" && touch "$folder/complete" || fail "install $name"
    echo "installed $name in $((SECONDS - start)) s"
  fi
  touch "$folder"
  exec 9>&-
  find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +14 -exec rm -rf {} + # what no lock has named for two weeks
}

install_python() { # FOLDER REQUIREMENTS
  python3 -m venv "$1" || return
  timeout 900 "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$2" && "$1/bin/python" -m pip check
}

install_node() { # FOLDER PACKAGE-LOCK
  cp "$(dirname "$2")"/{package.json,package-lock.json,.npmrc} "$1" || return
  # What npm says of an old Node does not matter: another runs the clients.
  (cd "$1" && timeout 600 npm ci --silent --ignore-scripts) && "$1"/node_modules/node-linux-*/bin/node --version
}

vision=$scratch/vision
(cd ../.. && go build -o "$vision" ./cmd/vision && go build -o "$scratch/openai-go" ./test/interop/go) || fail "build the programs"
if wanted openai-py langchain-py; then
  installed python install_python python/requirements.txt
  python=$folder/bin/python
fi
if wanted litellm; then
  installed litellm install_python python/litellm.txt
  litellm=$folder/bin/python
fi
if wanted openai-node vercel langchain-js; then
  installed node install_node node/package-lock.json
  node=$(ls "$folder"/node_modules/node-linux-*/bin/node)
  # Modules are looked for beside the script.
  mkdir "$scratch/node" && cp node/*.js node/package.json "$scratch/node" && ln -s "$folder/node_modules" "$scratch/node" || fail "lay out the Node clients"
fi

ops=127.0.0.1:$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
start_devnet --period 30s --miners 3 --ops "$ops"
export VISION_API=$api VISION_KEY=$key VISION_METRICS=http://$ops/metrics VISION_LIMIT=3 PYTHONDONTWRITEBYTECODE=1
clients=(curl openai-go openai-node openai-py vercel langchain-js langchain-py litellm)

# A key for each client, so that it finds its limit unused. The gateway reads
# all keys at once: when the last one works, so do the others.
new_key() { "$vision" key create --data "$scratch/data" "$@" >"$scratch/key" && head -n1 "$scratch/key"; }
declare -A limited
for client in "${clients[@]}"; do
  limited[$client]=$(new_key --name "limited, $client" --per-minute "$VISION_LIMIT") || fail "create a limited key"
done
last=$(new_key --name "the last one") || fail "create a key"
for i in $(seq 50); do
  code=$(curl -s -o "$scratch/answer" -w '%{http_code}' -m 10 -H "Authorization: Bearer $last" "$api/models")
  [ "$code" = 200 ] && break
  [ "$i" -lt 50 ] || fail "a new key does not work after 5 s: status $code"
  sleep 0.1
done

ran=0 failed=()
suite() { # CLIENT COMMAND...
  local client=$1
  shift
  wanted "$client" || return 0
  ran=$((ran + 1))
  VISION_LIMITED_KEY=${limited[$client]} timeout -k 5 150 "$@" </dev/null 2>&1 | tee -a "$scratch/scenarios" || failed+=("$client")
}

begin=$SECONDS
suite curl bash curl.sh
suite openai-go "$scratch/openai-go"
suite openai-node "${node:-}" "$scratch/node/openai.js"
suite openai-py "${python:-}" python/openai_sdk.py
suite vercel "${node:-}" "$scratch/node/vercel.js"
suite langchain-js "${node:-}" "$scratch/node/langchain.js"
suite langchain-py "${python:-}" python/langchain_sdk.py
suite litellm "${litellm:-}" python/litellm_sdk.py

[ $ran -gt 0 ] || fail "there is no client named ${only[*]}; there are ${clients[*]}"
echo "$ran clients, $(grep -c '^ok ' "$scratch/scenarios") scenarios passed and $(grep -c '^FAILED ' "$scratch/scenarios") failed in $((SECONDS - begin)) s"
[ ${#failed[@]} -eq 0 ] || fail "${failed[*]}"
stop_devnet
