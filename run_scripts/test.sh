#!/usr/bin/env bash
# Sets everything up and runs all tests, with --quick those that train nothing, or what pytest makes of the arguments:
# run_scripts/test.sh -k masks
set -euo pipefail
cd "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")"

case ${1:-} in
  --help | -h) echo "usage: $0 [--quick: only tests that train nothing] [what pytest takes, such as -k masks, or files of tests]"; exit 0 ;;
  --version) exec ./run_scripts/setup.sh --version ;;
esac
if [[ ${1:-} == --quick ]]; then
  shift
  set -- -m quick "$@"
fi
./run_scripts/setup.sh --dev
unset PYTHONHOME PYTHONPATH
# TensorFlow's C++ side speaks only of what goes wrong.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}
exec .venv/bin/python -m pytest "$@"
