#!/usr/bin/env bash
# Makes .venv: a CPython 3.9 to 3.11, the packages of the locks and this project. See --help.
set -euo pipefail
script=${BASH_SOURCE[0]}
[[ ! -L $script ]] || script=$(readlink -f "$script")
root=$(CDPATH="" cd "$(dirname "$script")/.." && pwd -P)
venv=$root/.venv
# A new environment is made beside the old one, which stays until the new one is whole.
new=$venv.new old=$venv.old
# In an environment, what it was made from: copies of the locks and of pyproject.toml, the interpreter and, written last,
# the folder.
made="made-from"

usage() {
  cat <<EOF
Makes .venv with all that this project needs; done at once when it is there. One that is to be made anew stays until the new
one is whole, and as long as a command of this project runs in it.

usage: $0 [--gpu] [--dev]
  --gpu   TensorFlow for an NVIDIA GPU, with its CUDA libraries
  --dev   also what the tests need
Without them, what an earlier call added stays. The environment variable T2T_LOTTERY_PYTHON names the CPython 3.9, 3.10
or 3.11 to use; without it one is looked for on PATH and among pyenv's versions, else uv, if there, downloads one.
Packages come from where pip is configured to look.
EOF
}

say() { echo "setup.sh: $1" >&2; }

fail() {
  say "$1"
  exit 1
}

# Whether an environment is whole and was made from these locks: holds ENVIRONMENT LOCK...
holds() {
  local lock
  # An environment's scripts name the folder it was made for.
  [[ -f $1/$made/root && $(<"$1/$made/root") == "$root" ]] || return 1
  [[ -x $1/bin/python ]] || return 1
  [[ -z ${T2T_LOTTERY_PYTHON:-} || $(probe "$T2T_LOTTERY_PYTHON") == "$(<"$1/$made/python")" ]] || return 1
  for lock in "${@:2}"; do cmp -s "$root/requirements/$lock.txt" "$1/$made/$lock.txt" || return 1; done
}

# Whether nothing is to be done: ready ENVIRONMENT
ready() { holds "$1" "${locks[@]}" && cmp -s "$root/pyproject.toml" "$1/$made/pyproject.toml"; }

# Prints the path of a suitable interpreter, or says why it is none: probe COMMAND
probe() {
  "$1" -I - 2>/dev/null <<'EOF' || echo "does not run"
import os, platform, sys
if platform.python_implementation() != "CPython" or not (3, 9) <= sys.version_info[:2] <= (3, 11):
  print("is", platform.python_implementation(), platform.python_version())
  sys.exit()
import importlib.util
for module in ("ensurepip", "venv", "_bz2", "_ctypes", "_lzma", "_ssl", "zlib"):
  if importlib.util.find_spec(module) is None:
    print("lacks the module", module)
    sys.exit()
# Of a virtual environment, which may be the very one to be made anew: the interpreter it was made from.
print(os.path.realpath(sys._base_executable))
EOF
}

# Sets `python` to the path of a suitable interpreter.
find_python() {
  local command reasons=""
  if [[ -n ${T2T_LOTTERY_PYTHON:-} ]]; then
    python=$(probe "$T2T_LOTTERY_PYTHON")
    [[ $python == /* ]] || fail "no CPython 3.9, 3.10 or 3.11: T2T_LOTTERY_PYTHON is $T2T_LOTTERY_PYTHON, which $python"
    return
  fi
  for command in python3.11 python3.10 python3.9 python3 "${PYENV_ROOT:-${HOME-}/.pyenv}"/versions/3.{11,10,9}.*/bin/python3; do
    command -v "$command" >/dev/null || continue
    python=$(probe "$command")
    [[ $python == /* ]] && return
    reasons+="; $command $python"
  done
  if command -v uv >/dev/null; then
    say "no suitable Python here, asking uv for one"
    if python=$(uv python install --no-config 3.11 2>&1 && uv python find --no-config --no-project --managed-python 3.11 2>&1); then
      python=$(probe "${python##*$'\n'}")
      [[ $python == /* ]] && return
    fi
    reasons+="; uv: ${python%%$'\n'*}"
  fi
  fail "no CPython 3.9, 3.10 or 3.11 (install one, or uv, or name one in T2T_LOTTERY_PYTHON)$reasons"
}

# Says in one line why pip failed: explain OUTPUT
explain() {
  case $1 in
    *"No space left on device"* | *"Disk quota exceeded"*)
      echo "no space left on the disk of $root" ;;
    *"DO NOT MATCH THE HASHES"*)
      echo "a package from pip's index is not the file that the lock names" ;;
    *ConnectionError* | *"Max retries exceeded"* | *"onnection broken"* | *"onnection reset"* | *"imed out"* | *ProxyError* | *SSLError*)
      echo "no network: pip cannot reach its index" ;;
    *) echo "pip failed: $(awk '/^ERROR: / { sub(/^ERROR: /, ""); line = $0 } END { print line }' <<<"$1")" ;;
  esac
}

# Installs into an environment: pip_install ENVIRONMENT ARGUMENT...
# Python imports from the folder that it is called in: an environment holds nothing that it could take for its own.
pip_install() {
  local output
  # pip unpacks beside the environment, so that the space of one disk is what counts.
  export TMPDIR=$1/tmp
  mkdir -p "$TMPDIR"
  if ! output=$(cd "$1" && "$1/bin/python" -m pip install --no-deps --no-input --disable-pip-version-check --progress-bar off "${@:2}" 2>&1); then
    { echo "$output" >"$1/pip.log"; } 2>/dev/null || true
    rm -rf "$TMPDIR"
    fail "$(explain "$output"); pip's own words are in $1/pip.log$(stays)"
  fi
  rm -rf "$TMPDIR"
}

stays() { [[ ! -d $venv ]] || echo "; $venv stays as it was"; }

# Installs what the locks name: install ENVIRONMENT LOCK...
install() {
  local lock arguments=()
  for lock in "${@:2}"; do arguments+=(--requirement "$root/requirements/$lock.txt"); done
  pip_install "$1" --require-hashes --no-build-isolation "${arguments[@]}"
  for lock in "${@:2}"; do cp "$root/requirements/$lock.txt" "$1/$made"; done
}

# Lets the scripts that packages bring as they are (t2t-trainer, ...) start where a first line cannot name the interpreter, for
# its path holds a space or is too long for the system: pip cares for those alone that it writes itself. Of an environment that
# is, or will be, .venv: let_scripts_start ENVIRONMENT
let_scripts_start() {
  local script line name
  [[ $venv == *[[:space:]]* || ${#venv} -gt 100 ]] || return 0
  mkdir -p "$1/scripts"
  for script in "$1"/bin/*; do
    [[ -f $script && ! -L $script ]] || continue
    line=""
    IFS= read -r line <"$script" 2>/dev/null || true
    [[ $line == "#!$venv/bin/python"* || $line == "#!$1/bin/python"* ]] || continue
    name=${script##*/}
    cp "$script" "$1/scripts/$name"
    printf '%s\n' "#!/bin/sh" "exec \"$venv/bin/python\" \"$venv/scripts/$name\" \"\$@\"" >"$script"
  done
}

# Installs this project: install_project ENVIRONMENT
install_project() {
  pip_install "$1" --no-build-isolation --editable "$root"
  cp "$root/pyproject.toml" "$1/$made"
}

# Makes a whole environment in $new, of which the old one knows nothing.
make() {
  local need=3000 free
  [[ $device == cpu ]] || need=10000
  find_python
  rm -rf "$new"
  free=$(df -Pm "$root" | awk 'END { print $4 }')
  ((free >= need)) || fail "no space: the disk of $root has $free MiB free and this takes $need$(stays)"
  say "making $venv with $python; with its downloads this takes some minutes"
  mkdir -p "$new/$made"
  echo "$python" >"$new/$made/python"
  (cd "$new/$made" && "$python" -m venv "$new" --prompt .venv) || fail "$python cannot make a virtual environment in $new"
  install "$new" build
  install "$new" base "$device"
  [[ -z $dev ]] || install "$new" dev
  install_project "$new"
  echo "$root" >"$new/$made/root"
}

# Keeps commands from starting in .venv until this ends, or `release`; fails if some run there: take WHAT_THEN
take() {
  [[ -f $venv/pyvenv.cfg ]] || return 0
  # Over NFS only who may write can lock out others.
  exec {alone}<>"$venv/pyvenv.cfg"
  flock -n "$alone" || fail "$venv is to be changed, but commands of this project run in it: call again when they have ended$1"
}

release() { [[ -z ${alone:-} ]] || exec {alone}>&-; }

# Puts $new in the place of .venv.
swap() {
  take "; the new environment is made, and waits in $new"
  # Scripts name the interpreter by its path.
  "$new/bin/python" -I - "$new" "$venv" <<'EOF'
import os, sys
here, there = map(os.fsencode, sys.argv[1:])
scripts = os.path.join(here, b"bin")
for path in [os.path.join(here, b"pyvenv.cfg"), *(os.path.join(scripts, name) for name in os.listdir(scripts))]:
  if os.path.isfile(path) and not os.path.islink(path):
    with open(path, "rb") as file:
      content = file.read()
    if here in content:
      with open(path, "wb") as file:
        file.write(content.replace(here, there))
EOF
  let_scripts_start "$new"
  rm -rf "$old"
  [[ ! -e $venv && ! -L $venv ]] || mv -T "$venv" "$old"
  mv -T "$new" "$venv"
  rm -rf "$old"
}

device=cpu
[[ ! -f $venv/$made/gpu.txt ]] || device=gpu
dev=
for flag; do
  case $flag in
    --gpu) device=gpu ;;
    --dev) dev=dev ;;
    --help | -h) usage; exit 0 ;;
    --version) awk -F'"' '/^version = / { print "t2t-lottery", $2 }' "$root/pyproject.toml"; exit 0 ;;
    *) echo "setup.sh: unknown flag $flag (see $0 --help)" >&2; exit 2 ;;
  esac
done
[[ -z $dev && ! -f $venv/$made/dev.txt ]] || dev=dev
locks=(build base "$device" ${dev:+"$dev"})
ready "$venv" && exit
[[ $(uname -sm) == "Linux x86_64" ]] || fail "the locks are for Linux on x86_64, not for $(uname -sm)"
# Whoever cannot run what another user has made has no say in it.
[[ ! -e $venv || -O $venv ]] \
  || fail "$venv is another user's, and is out of date or cannot be run by you: ask its owner to call $0, or use a clone of your own"

# Nothing of the caller's may decide what is imported here, or where pip puts things.
unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET CDPATH
export PIP_USER=0
exec {turn}<"$root/run_scripts/setup.sh"
flock -n "$turn" || { say "another set-up is at work in this folder, waiting for it"; flock "$turn"; }
# One that was ended between two renames.
[[ -e $venv || ! -e $old ]] || mv -T "$old" "$venv"
ready "$venv" && exit

whole=(build base "$device")
[[ ! -f $venv/$made/dev.txt ]] || whole+=(dev)
[[ ! -e $venv || -d $venv/$made ]] || fail "$venv was made by something else: move it away"
take ""
if holds "$venv" "${whole[@]}"; then
  [[ -z $dev || -f $venv/$made/dev.txt ]] || install "$venv" dev
  install_project "$venv"
else
  release
  ready "$new" || make
  swap
fi
say "$venv is ready"
