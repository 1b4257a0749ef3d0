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
  lsf) [ -d "$at" ] || exit 3; [ ! -f "$at/current" ] || echo current ;;
  *) exit 2 ;;
esac
