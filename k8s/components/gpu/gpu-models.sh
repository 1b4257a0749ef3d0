#!/bin/sh
# gpu-models.sh TO FROM...: a copy of each model repository FROM under TO/<number>, whose models have their instances on
# GPUs. The bundle itself says KIND_CPU and is never changed: its name is that of its content.
set -eu
to=$1
shift
number=0
for from in "$@"; do
  number=$((number + 1))
  [ -d "$from" ] || continue
  rm -rf "${to:?}/$number"
  cp -R "$from" "$to/$number"
  for config in "$to/$number"/*/config.pbtxt; do
    sed 's/kind: KIND_CPU/kind: KIND_GPU/' "$from/$(basename "$(dirname "$config")")/config.pbtxt" > "$config"
    grep -q 'kind: KIND_GPU' "$config" || { echo "$config names no instance on a CPU to move" >&2; exit 1; }
  done
done
