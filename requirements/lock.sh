#!/usr/bin/env bash
# Writes the locks, NAME.txt from each NAME.in beside this script: versions and hashes for CPython 3.9 to 3.11.
# Needs `uv` on PATH. Versions that are in a lock already stay; --upgrade takes the newest that NAME.in allows.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

# The locks name PyPI's files, whatever index this machine prefers.
for variable in $(compgen -e UV_ || true); do unset "$variable"; done
for input in *.in; do
  uv pip compile "$input" --output-file "${input%.in}.txt" --no-config --quiet --universal --python-version 3.9 \
    --no-deps --generate-hashes --no-annotate --custom-compile-command "requirements/lock.sh" "$@"
done
