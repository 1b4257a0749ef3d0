#!/bin/sh
# publish.sh STATE REMOTE KIND...: uploads the current version of each kind of artefact, of bundles every one: BUNDLE may
# name any. First a version's files, then the list of their digests, which says that it is whole, and last the name of
# the current one: a reader never sees a part.
set -eu
state=$1 remote=$2
shift 2
list=$(mktemp)
trap 'rm -f "$list"' EXIT

listed() { # KIND: the lists of digests that are there
  failed=0
  found=$(rclone lsf "$remote/$1" --files-only --include "/*.sha256") || failed=$?
  [ "$failed" -ne 3 ] || return 0 # rclone's word for a folder that isn't there
  [ "$failed" -eq 0 ] || return 1
  echo "$found"
}

versions() { # KIND CURRENT
  [ "$1" = bundles ] || { echo "$2"; return; }
  for folder in "$state/bundles"/*; do
    [ -L "$folder" ] || [ ! -d "$folder" ] || echo "${folder##*/}"
  done
}

for kind in "$@"; do
  current=$(readlink "$state/$kind/current") || { echo "$kind: nothing there yet"; continue; }
  there=$(listed "$kind")
  for version in $(versions "$kind" "$current"); do
    ! echo "$there" | grep -qxF "$version.sha256" || continue
    rclone copy --checksum "$state/$kind/$version" "$remote/$kind/$version"
    # Whole before it goes: a list that is there is taken for all that there is.
    (cd "$state/$kind/$version" && find . -type f -exec sha256sum {} +) > "$list"
    [ -s "$list" ] || { echo "$kind: $version has no files" >&2; exit 1; }
    sort -k 2 "$list" | rclone rcat "$remote/$kind/$version.sha256"
    echo "$kind: $version is published"
  done
  [ "$(rclone cat "$remote/$kind/current" 2>/dev/null || true)" != "$current" ] || continue
  printf %s "$current" | rclone rcat "$remote/$kind/current"
  echo "$kind: $current is current"
done
