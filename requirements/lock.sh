#!/usr/bin/env bash
# Writes the locks, NAME.txt from each NAME.in beside this script: versions and hashes for CPython 3.9 and later,
# and those of TensorFlow 2.21 for CPython 3.10 and later.
# Needs `uv` on PATH. Versions that are in a lock already stay; --upgrade takes the newest that NAME.in allows.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

# The locks name PyPI's files, whatever index this machine prefers.
for variable in $(compgen -e UV_ || true); do unset "$variable"; done
compile() {
  uv pip compile "$1.in" --output-file "$2.txt" --no-config --quiet --universal --python-version "$3" --no-deps \
    --generate-hashes --no-annotate --custom-compile-command "requirements/lock.sh" "${@:4}"
}
for name in build base cpu gpu dev; do compile "$name" "$name" 3.9 "$@"; done
compile base base-2.21 3.10 --override base-2.21.in "$@"
for name in cpu-2.21 gpu-2.21; do compile "$name" "$name" 3.10 "$@"; done
