#!/bin/sh
# publish.sh STATE REMOTE KIND...: uploads the current version of each kind of artefact. First its files, then the list of
# their digests, which says that it is whole, and last the name of the version: a reader never sees a part.
set -eu
state=$1 remote=$2
shift 2
for kind in "$@"; do
  version=$(readlink "$state/$kind/current") || { echo "$kind: nothing there yet"; continue; }
  [ "$(rclone cat "$remote/$kind/current" 2>/dev/null || true)" != "$version" ] || continue
  rclone copy --checksum "$state/$kind/$version" "$remote/$kind/$version"
  (cd "$state/$kind/$version" && find . -type f -exec sha256sum {} +) | sort -k 2 |
    rclone rcat "$remote/$kind/$version.sha256"
  printf %s "$version" | rclone rcat "$remote/$kind/current"
  echo "$kind: $version is published"
done
