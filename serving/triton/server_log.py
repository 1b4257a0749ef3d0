"""Finds the line of tritonserver's log that says why it stopped."""

import re
from pathlib import Path

# error: creating server: Internal - load failed for model 'ranker': ...
FATAL = re.compile(r"^error: (?:creating server: )?(?P<message>.*)$")
# E1124 07:00:00.123456 4711 model_lifecycle.cc:642] "failed to load 'ranker' version 1: ..."
ERROR = re.compile(r"^E\d{4} [\d:.]+ \d+ [\w.]+:\d+\] (?P<message>.*)$")
HARMLESS = "CudaDriverHelper"  # every server without a GPU reports it
LONGEST = 600


def decisive_line(log: Path) -> str:
    """What ended the server; else the first error in its log; else the log's last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    for pattern in (FATAL, ERROR):
        for line in lines:
            found = pattern.match(line)
            if found and HARMLESS not in line:
                return found["message"].strip('"')[:LONGEST]
    return lines[-1][:LONGEST] if lines else "it wrote no log"
