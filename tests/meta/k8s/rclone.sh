#!/bin/sh
# What the scripts ask of rclone, over folders: `store:` is the folder in STORE. The acceptance tests take rclone itself.
set -eu
place() { case $1 in store:*) echo "$STORE/${1#store:}" ;; *) echo "$1" ;; esac; }
what=$1
shift
[ "$1" != --checksum ] || shift
at=$(place "$1")
case $what in
  copy) to=$(place "$2"); mkdir -p "$to"; cp -R "$at/." "$to/" ;;
  cat) cat "$at" ;;
  rcat) mkdir -p "$(dirname "$at")"; cat > "$at" ;;
  lsf) cd "$at" 2> /dev/null || exit 3; for file in ${4#/}; do [ ! -f "$file" ] || echo "$file"; done ;;
  *) exit 2 ;;
esac
