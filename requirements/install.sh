#!/usr/bin/env bash
# install.sh FOLDER TORCH LOCK...: makes a virtual environment with exactly what the locks name.
set -euo pipefail
folder=$1 torch=$2
shift 2

python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || python=python3
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
  echo "Python 3.11 is needed and $python is $("$python" -V); set PYTHON=/path/to/python3.11." >&2
  exit 1
}
"$python" -m venv --clear "$folder" || {
  echo "The virtual environment could not be made; on Debian: apt-get install python3-venv." >&2
  exit 1
}
pip() { "$folder/bin/python" -m pip --disable-pip-version-check "$@"; }
for lock in "$@"; do
  pip install --no-deps --require-hashes -r "$lock"
done
if [ -n "$torch" ]; then
  # Last and by its version alone: the index decides whether it is the CPU build.
  pip install "$torch"
  pip check
fi
site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n%s\n' "$PWD" "$PWD/protos" > "$site/recserve.pth"
