#!/usr/bin/env bash
# Scan the demo and a real engine again: scoreboards/regenerate.sh [DIR]. Set PYTHON to use another than .venv's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out="${1:-scoreboards}"
python="${PYTHON:-.venv/bin/python}"

coproc ENGINE { exec "$python" -m tests.engine --port 8402 --until-eof; }
engine=$ENGINE_PID
trap 'kill "$engine" 2> /dev/null || true' EXIT
read -r -t 60 ready <&"${ENGINE[0]}" && [[ $ready == READY* ]] || { echo "the engine did not start" >&2; exit 1; }

"$python" -m llmprobe scan demo --seed 1 --fresh --quiet --out "$out"
"$python" -m llmprobe scan tests/engine/engine.yaml --seed 1 --fresh --quiet --out "$out"
