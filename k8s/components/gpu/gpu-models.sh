#!/bin/sh
# gpu-models.sh TO BUNDLE ENCODER: copies of the two model repositories as TO/bundle and TO/encoder, whose models have
# their instances on GPUs. Without the bundle's there is nothing to serve; the encoder's may be missing. The bundle itself
# says KIND_CPU and is never changed: its name is that of its content.
set -eu
to=$1

copy() { # NAME FROM
  rm -rf "${to:?}/$1"
  cp -R "$2" "$to/$1"
  for config in "$to/$1"/*/config.pbtxt; do
    sed 's/kind: KIND_CPU/kind: KIND_GPU/' "$2/$(basename "$(dirname "$config")")/config.pbtxt" > "$config"
    grep -q 'kind: KIND_GPU' "$config" || { echo "$config names no instance on a CPU to move" >&2; exit 1; }
  done
}

# Links are followed once: an export that turns one meanwhile must not mix two bundles.
[ -d "$2" ] || { echo "there are no models of a bundle at $2" >&2; exit 1; }
copy bundle "$(readlink -f "$2")"
if [ -d "$3" ]; then copy encoder "$(readlink -f "$3")"; fi
