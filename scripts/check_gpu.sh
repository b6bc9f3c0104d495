#!/bin/sh
# Checks the group engine on a CUDA device and measures both trainers there: scripts/check_gpu.sh [FOLDER]
#
# Runs the tests that need a GPU, then full optimiser steps of TRL's trainer and of ours in turn, at 0.5, 1 and 3 billion
# random weights in bfloat16. Writes FOLDER/SIZE.json (default folder: runs/gpu); each names the device and the versions.
# PYTHON chooses the interpreter, SIZES the models ("0.5b 1b 3b"), PAIRS the timed steps of each trainer (5).
set -eu
cd "$(dirname "$0")/.."
out=${1:-runs/gpu}
python=${PYTHON:-.venv/bin/python}

"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || {
    echo "a CUDA device must be visible to torch; found none" >&2
    exit 2
}
mkdir -p "$out"
"$python" -m pytest -m gpu tests/engine
for size in ${SIZES:-0.5b 1b 3b}; do
    "$python" -m mmrl bench trainer --device cuda --dtype bfloat16 --size "$size" --pairs "${PAIRS:-5}" \
        --sweep 1066,32,8 --sweep 300,32,8 --sweep 64,256,8 --out "$out/$size.json"
done
echo "written: $out"
