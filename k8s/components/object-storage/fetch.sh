#!/bin/sh
# fetch.sh STATE REMOTE EVERY KIND[=VERSION]...: brings versions into STATE/KIND/VERSION, and turns STATE/KIND/current to
# each once it is whole: every file has the digest that was published, and there is no other file. A kind without a version
# is the one that the store calls current; with EVERY above 0 these are looked for again every EVERY seconds.
# The first time bundles have to be there, and what can't be had ends the program; later it leaves what serves.
set -eu
state=$1 remote=$2 every=$3
trap "exit 0" TERM # the first process of a container gets it only if it asks
shift 3

fetch() { # KIND VERSION
  to=$state/$1/$2
  if [ ! -d "$to" ]; then
    fresh=$state/$1/.fresh-$2
    for other in "$state/$1"/.fresh-*; do [ "$other" = "$fresh" ] || rm -rf "$other"; done
    mkdir -p "$fresh"
    rclone copy "$remote/$1/$2" "$fresh" # goes on where an attempt before was ended
    rclone cat "$remote/$1/$2.sha256" > "$state/$1/.sha256"
    (cd "$fresh" && find . -type f | sort) > "$state/$1/.found"
    cut -c 67- "$state/$1/.sha256" | sort | cmp -s - "$state/$1/.found" ||
      { echo "$1 $2: other files than were published" >&2; rm -rf "$fresh"; return 1; }
    (cd "$fresh" && sha256sum -c "../.sha256" > /dev/null) ||
      { echo "$1 $2: a file is not as it was published" >&2; rm -rf "$fresh"; return 1; }
    mv "$fresh" "$to"
  fi
  [ "$(readlink "$state/$1/current" || true)" != "$2" ] || return 0
  previous=$(readlink "$state/$1/current" || true)
  ln -sfn "$2" "$state/$1/.current"
  mv -T "$state/$1/.current" "$state/$1/current"
  echo "$1: $2 is current"
  for old in "$state/$1"/*; do # the one before may still be mapped
    case ${old##*/} in current | "$2" | "$previous") ;; *) rm -rf "$old" ;; esac
  done
}

wanted() { # KIND[=VERSION]
  case $1 in
    *=current | *=) published "${1%%=*}" ;;
    *=*) echo "${1#*=}" ;;
    *) published "$1" ;;
  esac
}

published() { # KIND; nothing where none is published
  failed=0
  listed=$(rclone lsf "$remote/$1" --files-only --include /current) || failed=$?
  [ "$failed" -ne 3 ] || return 0 # rclone's word for a folder that isn't there
  [ "$failed" -eq 0 ] || return 1
  [ -z "$listed" ] || rclone cat "$remote/$1/current"
}

all() { # FIRST KIND...
  first=$1
  shift
  for kind in "$@"; do
    version=$(wanted "$kind") || return 1
    if [ -n "$version" ]; then
      fetch "${kind%%=*}" "$version" || return 1
    elif [ "$first" = yes ] && [ "${kind%%=*}" = bundles ]; then
      echo "no bundle is published" >&2
      return 1
    fi
  done
}

all yes "$@"
: > "$state/.fetched"
while [ "$every" -gt 0 ]; do
  sleep "$every" & wait $!
  followed=
  for kind in "$@"; do case $kind in bundles* | encoders*) ;; *) followed="$followed $kind" ;; esac; done
  # Bundle and encoder change with the pods: Triton and gateway have to agree on them.
  all no $followed || echo "what serves stays; tried again in $every s" >&2
done
