#!/usr/bin/env bash
# Makes .venv: a CPython 3.9 to 3.13, the packages of the locks and this project. See --help.
set -euo pipefail
script=${BASH_SOURCE[0]}
[[ ! -L $script ]] || script=$(readlink -f "$script")
root=$(CDPATH="" cd "$(dirname "$script")/.." && pwd -P)
venv=$root/.venv
# A new environment is made next to the old one, which stays until the new one is complete.
new=$venv.new old=$venv.old
# Folder in an environment with what it was made from: copies of the locks and of pyproject.toml, the path of the
# interpreter and, written last, the path of the checkout.
made="made-from"
# Each TensorFlow that has locks, and the CPythons that it is released for, the preferred first.
declare -A pythons=([2.15]="3.11 3.10 3.9" [2.21]="3.12 3.13 3.11 3.10")

usage() {
  cat <<EOF
Makes .venv with everything that this project needs; does nothing if it is up to date. An outdated one is replaced when
the new one is complete and no command of this project runs in the old one.

usage: $0 [--tensorflow=2.15|2.21] [--gpu] [--dev]
  --tensorflow=2.15   TensorFlow 2.15.1, for CPython 3.9 to 3.11
  --tensorflow=2.21   TensorFlow 2.21.0, for CPython 3.10 to 3.13
  --gpu               TensorFlow for an NVIDIA GPU, with its CUDA libraries; not on aarch64
  --dev               also the packages for the tests
Without these flags, what an earlier call chose or added stays; the first call takes TensorFlow 2.15 if it finds a CPython
for it, else 2.21; on aarch64 always 2.21. Set the environment variable T2T_LOTTERY_PYTHON to choose a CPython; by default,
this searches PATH and pyenv's versions; else uv, if installed, downloads one.
Packages come from pip's configured index.
EOF
}

print() { echo "setup.sh: $1" >&2; }

fail() {
  print "$1"
  exit 1
}

# Whether an environment is complete and was made from these locks: matches ENVIRONMENT LOCK...
matches() {
  local lock
  # An environment's scripts contain the path it was made for.
  [[ -f $1/$made/root && $(<"$1/$made/root") == "$root" ]] || return 1
  [[ -x $1/bin/python ]] || return 1
  [[ -z ${T2T_LOTTERY_PYTHON:-} || $(probe "$T2T_LOTTERY_PYTHON" "$tensorflow") == "$(<"$1/$made/python")" ]] || return 1
  for lock in "${@:2}"; do cmp -s "$root/requirements/$lock.txt" "$1/$made/$lock.txt" || return 1; done
}

# Whether an environment is up to date: is_current ENVIRONMENT
is_current() { matches "$1" "${locks[@]}" && cmp -s "$root/pyproject.toml" "$1/$made/pyproject.toml"; }

# Prints the path of an interpreter for a TensorFlow, or why it is not suitable: probe COMMAND TENSORFLOW
probe() {
  "$1" -I - 2>/dev/null <<EOF || echo "does not run"
import os, platform, sys
if platform.python_implementation() != "CPython" or "%d.%d" % sys.version_info[:2] not in "${pythons[$2]}".split():
  print("is", platform.python_implementation(), platform.python_version())
  sys.exit()
import importlib.util
for module in ("ensurepip", "venv", "_bz2", "_ctypes", "_lzma", "_ssl", "zlib"):
  if importlib.util.find_spec(module) is None:
    print("lacks the module", module)
    sys.exit()
# In a virtual environment, which may be the one to be replaced: the interpreter that it was made from.
print(os.path.realpath(sys._base_executable))
EOF
}

# Prints the CPythons that are suitable, in words.
suitable() {
  case $tensorflow in
    2.15) echo "CPython 3.9, 3.10 or 3.11 for TensorFlow 2.15" ;;
    2.21) echo "CPython 3.10, 3.11, 3.12 or 3.13 for TensorFlow 2.21" ;;
    *) echo "CPython 3.9, 3.10, 3.11, 3.12 or 3.13" ;;
  esac
}

# Prints the interpreters to try for a TensorFlow, one a line: candidates TENSORFLOW
candidates() {
  local version
  if [[ -n ${T2T_LOTTERY_PYTHON:-} ]]; then
    echo "$T2T_LOTTERY_PYTHON"
    return
  fi
  for version in ${pythons[$1]}; do
    echo "python$version"
    printf '%s\n' "${PYENV_ROOT:-${HOME-}/.pyenv}/versions/$version".*/bin/python3
  done
  echo python3
}

# Sets `python` to the path of a suitable interpreter, and `tensorflow`, unless it is chosen, to the one for it.
find_python() {
  local command each version reasons=""
  for each in ${tensorflow:-2.15 2.21}; do
    while IFS= read -r command; do
      [[ $command == "${T2T_LOTTERY_PYTHON:-}" ]] || command -v "$command" >/dev/null || continue
      python=$(probe "$command" "$each" </dev/null)
      [[ $python != /* ]] || { tensorflow=$each && return; }
      [[ $reasons == *"; $command $python"* ]] || reasons+="; $command $python"
    done < <(candidates "$each")
  done
  [[ -z ${T2T_LOTTERY_PYTHON:-} ]] || fail "no $(suitable): T2T_LOTTERY_PYTHON is $T2T_LOTTERY_PYTHON, which $python"
  if command -v uv >/dev/null; then
    print "no suitable Python found, requesting one from uv"
    each=${tensorflow:-2.15}
    version=${pythons[$each]%% *}
    if python=$(uv python install --no-config "$version" 2>&1 && uv python find --no-config --no-project --managed-python "$version" 2>&1); then
      python=$(probe "${python##*$'\n'}" "$each")
      [[ $python != /* ]] || { tensorflow=$each && return; }
    fi
    reasons+="; uv: ${python%%$'\n'*}"
  fi
  fail "no $(suitable) (install one, or uv, or name one in T2T_LOTTERY_PYTHON)$reasons"
}

# Prints in one line why pip failed: explain OUTPUT
explain() {
  case $1 in
    *"No space left on device"* | *"Disk quota exceeded"*)
      echo "no space left on the disk of $root" ;;
    *"DO NOT MATCH THE HASHES"*)
      echo "a package from pip's index does not match the hash in the lock" ;;
    *ConnectionError* | *"Max retries exceeded"* | *"onnection broken"* | *"onnection reset"* | *"imed out"* | *ProxyError* | *SSLError*)
      echo "no network: pip cannot reach its index" ;;
    *) echo "pip failed: $(awk '/^ERROR: / { sub(/^ERROR: /, ""); line = $0 } END { print line }' <<<"$1")" ;;
  esac
}

# Installs into an environment: pip_install ENVIRONMENT ARGUMENT...
# Python imports from the working folder: in an environment, nothing shadows pip's modules.
pip_install() {
  local output
  # pip unpacks within the environment, so that everything needs space on one disk only.
  export TMPDIR=$1/tmp
  mkdir -p "$TMPDIR"
  if ! output=$(cd "$1" && "$1/bin/python" -m pip install --no-deps --no-input --disable-pip-version-check --progress-bar off "${@:2}" 2>&1); then
    { echo "$output" >"$1/pip.log"; } 2>/dev/null || true
    rm -rf "$TMPDIR"
    fail "$(explain "$output"); pip's output is in $1/pip.log$(unchanged)"
  fi
  rm -rf "$TMPDIR"
}

unchanged() { [[ ! -d $venv ]] || echo "; $venv is unchanged"; }

# Installs the packages of the locks: install ENVIRONMENT LOCK...
install() {
  local lock arguments=()
  for lock in "${@:2}"; do arguments+=(--requirement "$root/requirements/$lock.txt"); done
  pip_install "$1" --require-hashes --no-build-isolation "${arguments[@]}"
  for lock in "${@:2}"; do cp "$root/requirements/$lock.txt" "$1/$made"; done
}

# Wraps the packages' own scripts (t2t-trainer, ...) if the interpreter's path contains a space or is too long for a
# first line: pip does so only for scripts that it generates. For an environment that is, or will be, .venv:
# wrap_scripts ENVIRONMENT
wrap_scripts() {
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
  local site
  pip_install "$1" --no-build-isolation --editable "$root"
  if [[ $tensorflow != 2.15 ]]; then
    # In every script of the environment, t2t's own too, TensorFlow is imported with what t2t needs.
    for site in "$1"/lib/python3.*/site-packages; do
      [[ ! -d $site ]] || echo "import t2t_lottery.compat.tf_support as _; _.install()" >"$site/t2t_lottery_tensorflow.pth"
    done
  fi
  cp "$root/pyproject.toml" "$1/$made"
}

# Makes a complete environment in $new and leaves the old one alone.
make() {
  local need=3000 free
  [[ $device == cpu ]] || need=10000
  [[ -n $python ]] || find_python
  rm -rf "$new"
  free=$(df -Pm "$root" | awk 'END { print $4 }')
  ((free >= need)) || fail "no space: the disk of $root has $free MiB free and this takes $need$(unchanged)"
  print "making $venv with $python and TensorFlow $tensorflow; with its downloads this takes some minutes"
  mkdir -p "$new/$made"
  echo "$python" >"$new/$made/python"
  (cd "$new/$made" && "$python" -m venv "$new" --prompt .venv) || fail "$python cannot make a virtual environment in $new"
  install "$new" build
  install "$new" "${locks[@]:1:2}"
  [[ -z $dev ]] || install "$new" dev
  install_project "$new"
  echo "$root" >"$new/$made/root"
}

# Locks .venv against new commands until this script ends or calls `unlock`; fails if commands run in it: lock ADVICE
lock() {
  [[ -f $venv/pyvenv.cfg ]] || return 0
  # Over NFS, an exclusive lock needs a file opened for writing.
  exec {exclusive}<>"$venv/pyvenv.cfg"
  flock -n "$exclusive" \
    || fail "$venv must be changed, but commands of this project run in it: call again when they have ended$1"
}

unlock() { [[ -z ${exclusive:-} ]] || exec {exclusive}>&-; }

# Replaces .venv by $new.
replace() {
  lock "; the new environment is complete and stored in $new"
  # Scripts contain the path of the interpreter.
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
  wrap_scripts "$new"
  rm -rf "$old"
  [[ ! -e $venv && ! -L $venv ]] || mv -T "$venv" "$old"
  mv -T "$new" "$venv"
  rm -rf "$old"
}

# Sets what an earlier call chose or added, from the locks that it installed.
read_earlier() {
  local lock
  for lock in "$venv/$made"/*.txt; do
    lock=${lock##*/} lock=${lock%.txt}
    case $lock in
      base) tensorflow=2.15 ;;
      base-*) tensorflow=${lock#base-} ;;
      gpu | gpu-*) device=gpu ;;
      dev) had_dev=dev ;;
    esac
  done
  # Another Python may need another TensorFlow than the environment has.
  [[ -z $tensorflow || -z ${T2T_LOTTERY_PYTHON:-} || $(probe "$T2T_LOTTERY_PYTHON" "$tensorflow") == /* ]] || tensorflow=""
}

# Fails if there are no locks for this machine, or not for what was chosen; chooses where there is one only.
check_machine() {
  local machine
  machine=$(uname -sm)
  case $machine in
    "Linux x86_64") ;;
    "Linux aarch64")
      [[ $tensorflow != 2.15 ]] || fail "TensorFlow 2.15 cannot run tensor2tensor on aarch64 (tensorflow-addons has no wheel for it): use --tensorflow=2.21"
      [[ $device == cpu ]] || fail "--gpu: TensorFlow's wheels for aarch64 have no GPU support: call $0 without --gpu"
      tensorflow=2.21 ;;
    *) fail "the locks are for Linux on x86_64 and aarch64, not for $machine" ;;
  esac
}

# Sets `locks` for the chosen TensorFlow.
set_locks() {
  local suffix=""
  [[ $tensorflow == 2.15 ]] || suffix=-$tensorflow
  locks=(build "base$suffix" "$device$suffix" ${dev:+"$dev"})
}

device=cpu tensorflow="" dev="" had_dev="" python=""
read_earlier
for flag; do
  case $flag in
    --tensorflow=2.15 | --tensorflow=2.21) tensorflow=${flag#*=} ;;
    --gpu) device=gpu ;;
    --dev) dev=dev ;;
    --help | -h) usage; exit 0 ;;
    --version) awk -F'"' '/^version = / { print "t2t-lottery", $2 }' "$root/pyproject.toml"; exit 0 ;;
    --tensorflow*) echo "setup.sh: $flag: there are locks for TensorFlow 2.15 and 2.21 (see $0 --help)" >&2; exit 2 ;;
    *) echo "setup.sh: unknown flag $flag (see $0 --help)" >&2; exit 2 ;;
  esac
done
dev=${dev:-$had_dev}
[[ -z $tensorflow ]] || { set_locks && is_current "$venv" && exit; }
check_machine
# Never replace another user's environment.
[[ ! -e $venv || -O $venv ]] \
  || fail "$venv is another user's, and is out of date or cannot be run by you: ask its owner to call $0, or use a clone of your own"

# The caller's settings must not change imports here, or where pip installs.
unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET CDPATH
export PIP_USER=0
exec {single}<"$root/run_scripts/setup.sh"
flock -n "$single" || { print "another setup.sh is running in this folder; waiting for it to finish"; flock "$single"; }
# An earlier call was interrupted between two renames.
[[ -e $venv || ! -e $old ]] || mv -T "$old" "$venv"
[[ -n $tensorflow ]] || read_earlier
[[ -n $tensorflow ]] || find_python
set_locks
is_current "$venv" && exit

had_dev=""
[[ ! -f $venv/$made/dev.txt ]] || had_dev=dev
installed=("${locks[@]:0:3}" ${had_dev:+"$had_dev"})
[[ ! -e $venv || -d $venv/$made ]] || fail "$venv was not made by setup.sh: move it away"
lock ""
if matches "$venv" "${installed[@]}"; then
  [[ -z $dev || -n $had_dev ]] || install "$venv" dev
  install_project "$venv"
else
  unlock
  is_current "$new" || make
  replace
fi
print "$venv is ready"
