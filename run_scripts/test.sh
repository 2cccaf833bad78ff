#!/usr/bin/env bash
# Sets everything up and runs all tests; with --quick, only those that neither train nor start t2t. Passes other
# arguments to pytest:
# run_scripts/test.sh -k masks
set -euo pipefail
cd "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")"

case ${1:-} in
  --help | -h) echo "usage: $0 [--quick: only tests that neither train nor start t2t] [arguments of pytest, such as -k masks, or test files]"; exit 0 ;;
  --version) exec ./run_scripts/setup.sh --version ;;
esac
if [[ ${1:-} == --quick ]]; then
  shift
  set -- -m quick "$@"
fi
./run_scripts/setup.sh --dev
unset PYTHONHOME PYTHONPATH
# Hides all but errors of TensorFlow's C++ code.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}
exec .venv/bin/python -m pytest "$@"
