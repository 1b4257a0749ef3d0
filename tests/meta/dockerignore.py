"""What a .dockerignore keeps out of a build, by docker's rules: the last line that fits decides."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: re.Pattern[str]
    keeps_out: bool


class DockerIgnore:
    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines() if not line.startswith("#")]
        self._exceptions = [line[1:].strip(" /") for line in lines if line.startswith("!")]
        self._rules = [
            Rule(_pattern(line.removeprefix("!").strip()), not line.startswith("!"))
            for line in lines
            if line
        ]

    def keeps_out(self, path: str) -> bool:
        """A line that fits a folder fits all that is in it."""
        lineage = [path, *map(str, PurePosixPath(path).parents)][:-1]
        fitting = [
            rule.keeps_out
            for rule in self._rules
            if any(rule.pattern.fullmatch(one) for one in lineage)
        ]
        return bool(fitting) and fitting[-1]

    def let_in(self, context: Path, under: str = "") -> Iterator[str]:
        """Files of the folder `under`, by their paths in the context."""
        for path in sorted((context / under).iterdir()):
            name = path.relative_to(context).as_posix()
            if path.is_dir() and not path.is_symlink():
                if not self.keeps_out(name) or self._lets_in_below(name):
                    yield from self.let_in(context, name)
            elif not self.keeps_out(name):
                yield name

    def _lets_in_below(self, folder: str) -> bool:
        return any(line.startswith(f"{folder}/") for line in self._exceptions)


def _pattern(line: str) -> re.Pattern[str]:
    """`*` and `?` stay within a name, `**` is any number of folders."""
    parts = re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", line.strip("/"))
    said = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(said.get(part) or re.escape(part) for part in parts))
