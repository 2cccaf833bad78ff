#!/usr/bin/env bash
# Makes .venv: a CPython 3.9 to 3.11, the packages of the locks and this project. See --help.
set -euo pipefail
script=${BASH_SOURCE[0]}
[[ ! -L $script ]] || script=$(readlink -f "$script")
root=$(CDPATH="" cd "$(dirname "$script")/.." && pwd -P)
venv=$root/.venv
# What .venv was made from: copies of the locks and of pyproject.toml, the interpreter and, written last, the folder.
made=$venv/made-from

usage() {
  cat <<EOF
Makes .venv with all that this project needs; done at once when it is there.

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

# Whether .venv is whole and was made from these locks: holds LOCK...
holds() {
  local lock
  # An environment's scripts name the folder it was made in.
  [[ -x $venv/bin/python && -f $made/root && $(<"$made/root") == "$root" ]] || return 1
  [[ -z ${T2T_LOTTERY_PYTHON:-} || $(probe "$T2T_LOTTERY_PYTHON") == "$(<"$made/python")" ]] || return 1
  for lock; do cmp -s "$root/requirements/$lock.txt" "$made/$lock.txt" || return 1; done
}

ready() { holds "${locks[@]}" && cmp -s "$root/pyproject.toml" "$made/pyproject.toml"; }

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

# Installs into .venv: pip_install ARGUMENT...
# Python imports from the folder that it is called in: .venv holds nothing that it could take for its own.
pip_install() {
  local output
  output=$(cd "$venv" && "$venv/bin/python" -m pip install --no-deps --no-input --disable-pip-version-check --progress-bar off "$@" 2>&1) && return
  { echo "$output" >"$venv/pip.log"; } 2>/dev/null || true
  fail "$(explain "$output"); pip's own words are in $venv/pip.log"
}

# Installs what the locks name: install LOCK...
install() {
  local lock arguments=()
  for lock; do arguments+=(--requirement "$root/requirements/$lock.txt"); done
  pip_install --require-hashes --no-build-isolation "${arguments[@]}"
  for lock; do cp "$root/requirements/$lock.txt" "$made"; done
}

# Lets the scripts that packages bring as they are (t2t-trainer, ...) start where a first line cannot name the interpreter, for
# its path holds a space or is too long for the system: pip cares for those alone that it writes itself.
let_scripts_start() {
  local script line scripts=$venv/scripts
  [[ $venv == *[[:space:]]* || ${#venv} -gt 100 ]] || return 0
  mkdir -p "$scripts"
  for script in "$venv"/bin/*; do
    [[ -f $script && ! -L $script ]] || continue
    line=""
    IFS= read -r line <"$script" 2>/dev/null || true
    [[ $line == "#!$venv/bin/python"* ]] || continue
    cp "$script" "$scripts/${script##*/}"
    printf '%s\n' "#!/bin/sh" "exec \"$venv/bin/python\" \"$scripts/${script##*/}\" \"\$@\"" >"$script"
  done
}

# Makes .venv from nothing.
make() {
  local need=3000 free
  [[ ! -e $venv || -d $made ]] || fail "$venv was made by something else: move it away"
  [[ $device == cpu ]] || need=10000
  find_python
  rm -rf "$venv"
  free=$(df -Pm "$root" | awk 'END { print $4 }')
  ((free >= need)) || fail "no space: the disk of $root has $free MiB free and this takes $need"
  say "making $venv with $python; with its downloads this takes some minutes"
  mkdir -p "$made" "$TMPDIR"
  echo "$python" >"$made/python"
  (cd "$made" && "$python" -m venv "$venv") || fail "$python cannot make a virtual environment in $venv"
  install build
  install base "$device"
}

device=cpu
[[ ! -f $made/gpu.txt ]] || device=gpu
dev=
for flag; do
  case $flag in
    --gpu) device=gpu ;;
    --dev) dev=dev ;;
    --help | -h) usage; exit 0 ;;
    *) echo "setup.sh: unknown flag $flag (see $0 --help)" >&2; exit 2 ;;
  esac
done
[[ -z $dev && ! -f $made/dev.txt ]] || dev=dev
locks=(build base "$device" ${dev:+"$dev"})
ready && exit
[[ $(uname -sm) == "Linux x86_64" ]] || fail "the locks are for Linux on x86_64, not for $(uname -sm)"

# Nothing of the caller's may decide what is imported here, or where pip puts things.
unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET CDPATH
export PIP_USER=0
# pip unpacks beside the environment, so that the space of one disk is what counts.
export TMPDIR=$venv/tmp
exec {turn}<"$root/run_scripts/setup.sh"
flock -n "$turn" || { say "another set-up is at work in this folder, waiting for it"; flock "$turn"; }
ready && exit

whole=(build base "$device")
[[ ! -f $made/dev.txt ]] || whole+=(dev)
holds "${whole[@]}" || make
# Until it is back, .venv is not whole: a set-up that ends before that starts again.
rm -f "$made/root"
mkdir -p "$TMPDIR"
[[ -z $dev || -f $made/dev.txt ]] || install dev
pip_install --no-build-isolation --editable "$root"
let_scripts_start
cp "$root/pyproject.toml" "$made"
rm -rf "$TMPDIR"
echo "$root" >"$made/root"
say "$venv is ready"
