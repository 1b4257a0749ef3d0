#!/usr/bin/env bash
# install.sh FOLDER TORCH LOCK...: makes a virtual environment with exactly what the locks name. A lock
# given as NAME=LOCK is unpacked into FOLDER/share/NAME, where nothing imports it.
set -euo pipefail
folder=$1 torch=$2
shift 2

python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || {
  found=$("$python" -V 2>/dev/null || echo "not there")
  echo "Python 3.11 is needed and $python is $found; set PYTHON=/path/to/python3.11." >&2
  exit 1
}
"$python" -m venv --clear "$folder" || {
  echo "The virtual environment could not be made; on Debian: apt-get install python3-venv." >&2
  exit 1
}
pip() {
  "$folder/bin/python" -m pip --disable-pip-version-check "$@" || {
    echo "pip could not make $folder; what it says above is why. Without a network, or behind a proxy, set" \
      "PIP_INDEX_URL or HTTPS_PROXY; then run make again." >&2
    exit 1
  }
}
for lock in "$@"; do
  aside=()
  [[ $lock != *=* ]] || aside=(--target "$folder/share/${lock%%=*}")
  pip install --no-deps --require-hashes "${aside[@]}" -r "${lock#*=}"
done
if [ -n "$torch" ]; then
  # Last and by its version alone: the index decides whether it is the CPU build.
  pip install "$torch"
  pip check
fi
site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$PWD" "$PWD/protos" "$PWD/serving/client/src" > "$site/recserve.pth"
