"""Keys that a YAML mapping has twice: the last would count and the others be forgotten without a word."""

from collections.abc import Iterator

import yaml


def repeated_keys(text: str) -> Iterator[str]:
    """A sentence each. Raises yaml.YAMLError: the text is no YAML."""
    waiting: list[yaml.Node | None] = [yaml.compose(text, yaml.SafeLoader)]
    visited = set()  # an alias may lead back to where it stands
    while waiting:
        node = waiting.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        if isinstance(node, yaml.MappingNode):
            yield from _of_mapping(node)
            waiting += [part for pair in node.value for part in pair]


def _of_mapping(node: yaml.MappingNode) -> Iterator[str]:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                yield f"line {key.start_mark.line + 1} gives {key.value} a second time"
            seen.add(key.value)
