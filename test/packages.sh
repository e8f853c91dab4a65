# Functions for scripts that need packages of PyPI or npm; to be sourced after
# devnet.sh. Packages are installed once for each lock and kept in
# ~/.cache/vision-packages; where they are missing, they are installed again.
#
#   python_packages NAME REQUIREMENTS  sets python, which has what REQUIREMENTS names
#   node_packages NAME PACKAGE-LOCK    sets modules, the node_modules of PACKAGE-LOCK
#   again COMMAND                      runs what downloads, up to 5 times: registries fail now and then

packages=${XDG_CACHE_HOME:-${HOME:-$scratch}/.cache}/vision-packages

again() {
  local try
  for try in 1 2 3 4 5; do
    "$@" && return
    [ $try = 5 ] || { echo "try $try of 5 failed: $*" >&2; sleep $((try * try * 3)); }
  done
  return 1
}

python_packages() {
  installed "$1" install_python "$2" "$(python3 -VV) $(python3 -c 'import sys; print(sys.base_prefix)')"
  python=$folder/bin/python
}

node_packages() {
  installed "$1" install_node "$2" "npm $(npm --version 2>/dev/null)"
  modules=$folder/node_modules
}

# installed NAME COMMAND LOCK TOOLS sets folder to where COMMAND FOLDER LOCK has
# installed what LOCK names, with these versions of tools, now or earlier.
installed() {
  local name=$1 command=$2 lock=$3 start=$SECONDS tag
  mkdir -p "$packages" || fail "make the folder $packages"
  tag=$(cat "$lock" - <<<"$(uname -sm) $4" | sha256sum | cut -c1-16)
  folder=$packages/$name-$tag
  exec 9>"$packages/$name.lock" && flock -w 900 9 || fail "wait for another run that installs $name"
  if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder" && mkdir "$folder" && "$command" "$folder" "$lock" && touch "$folder/complete" || fail "install $name"
    echo "installed $name in $((SECONDS - start)) s"
  fi
  touch "$folder"
  exec 9>&-
  find "$packages" -mindepth 1 -maxdepth 1 -type d -mtime +14 -exec rm -rf {} + # what nobody has used for two weeks
}

install_python() { # FOLDER REQUIREMENTS
  python3 -m venv "$1" && again timeout 600 "$1/bin/python" -m pip install --quiet --retries 5 --timeout 60 --disable-pip-version-check --no-deps -r "$2" && "$1/bin/python" -m pip check
}

install_node() { # FOLDER PACKAGE-LOCK
  local from
  from=$(dirname "$2")
  cp "$from/package.json" "$from/package-lock.json" "$1" || return
  if [ -e "$from/.npmrc" ]; then cp "$from/.npmrc" "$1" || return; fi
  (cd "$1" && again timeout 600 npm ci --silent --ignore-scripts --no-audit --no-fund)
}
