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
# have. What is installed is kept in ~/.cache.
#
# Time on 2 cores: about two minutes, and 3 more to install.
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
source ../devnet.sh
source ../packages.sh
trap stop_all EXIT
only=("$@")

wanted() { # CLIENT...
  [ ${#only[@]} -eq 0 ] && return
  local client
  for client in "$@"; do [[ " ${only[*]} " == *" $client "* ]] && return; done
  return 1
}

vision=$scratch/vision
(cd ../.. && go build -o "$vision" ./cmd/vision && go build -o "$scratch/openai-go" ./test/interop/go) || fail "build the programs"
if wanted litellm; then python_packages interop-litellm python/litellm.txt && litellm=$python; fi
if wanted openai-py langchain-py; then python_packages interop-python python/requirements.txt; fi
if wanted openai-node vercel langchain-js; then
  node_packages interop-node node/package-lock.json
  node=$(echo "$modules"/node-linux-*/bin/node)
  [ -x "$node" ] || fail "find a Node for $(uname -m) among the packages"
  # Modules are looked for beside the script.
  mkdir "$scratch/node" && cp node/*.js node/package.json "$scratch/node" && ln -s "$modules" "$scratch/node" || fail "lay out the Node clients"
fi

ops=127.0.0.1:$(free_port)
patient_tasks
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

# Keys with the other limits, for those clients that try them. Of one project the
# money is soon spent.
declare -A restricted
for client in curl openai-go openai-node openai-py; do
  for project in "rich-$client 10" "poor-$client 0.00005"; do
    "$vision" project create "${project% *}" --data "$scratch/data" >/dev/null &&
      "$vision" project deposit ${project% *} ${project#* } --reference "$project" --data "$scratch/data" >/dev/null || fail "create the project ${project% *}"
  done
  poor=$(new_key --name "poor, $client" --project "poor-$client") &&
    capped=$(new_key --name "capped, $client" --project "rich-$client" --spend-limit 0.00004) &&
    single=$(new_key --name "one at once, $client" --concurrent 1) &&
    metered=$(new_key --name "few tokens, $client" --tokens-per-minute 250) &&
    scoped=$(new_key --name "embeddings, $client" --tasks vision-ref-embed) || fail "create restricted keys"
  restricted[$client]="VISION_POOR_KEY=$poor VISION_CAPPED_KEY=$capped VISION_SINGLE_KEY=$single VISION_METERED_KEY=$metered VISION_SCOPED_KEY=$scoped"
done
last=$(new_key --name "the last one") || fail "create a key"
await_key "$last"

ran=0 failed=()
suite() { # CLIENT COMMAND...
  local client=$1
  shift
  wanted "$client" || return 0
  ran=$((ran + 1))
  # shellcheck disable=SC2086 # several variables
  env VISION_LIMITED_KEY="${limited[$client]}" ${restricted[$client]-} timeout -k 5 900 "$@" </dev/null 2>&1 | tee -a "$scratch/scenarios" || failed+=("$client")
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
