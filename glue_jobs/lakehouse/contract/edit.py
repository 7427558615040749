"""Changes to the text of a contract that leave its comments and layout alone: lines are put in, none is rewritten.

Every function takes the whole text and returns the changed one. None knows whether the result is a right contract.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import yaml


class EditError(Exception):
    """The text is laid out in a way that cannot be added to; the message says what and where."""


def add_column(text: str, lines: Sequence[str]) -> str:
    """Put one more property after the others; its lines come without indentation, the first without its dash."""
    _, properties = _properties(_root(text))
    if not isinstance(properties, yaml.SequenceNode) or properties.flow_style:
        raise EditError(f"line {_line(properties)}: properties is not a list of one property after another")
    indent = " " * properties.start_mark.column
    return _put(
        text, properties.end_mark.index, [f"{indent}- {lines[0]}", *(f"{indent}  {line}" for line in lines[1:])]
    )


def add_alias(text: str, column: str, alias: str) -> str:
    """Let a column also be known by another spelling."""
    fields = _fields(_column(_root(text), column))
    entry = f"{{synonym: {scalar(alias)}}}"
    if "synonyms" not in fields:
        keys = [key for key, _ in fields.values()]
        after = keys.index(fields["description"][0]) + 1
        end = keys[after].start_mark.index if after < len(keys) else _column(_root(text), column).end_mark.index
        return _put(text, end, [f"{' ' * keys[0].start_mark.column}synonyms: [{entry}]"])
    key, synonyms = fields["synonyms"]
    if not isinstance(synonyms, yaml.SequenceNode) or synonyms.start_mark.index < key.start_mark.index:
        raise EditError(f"line {_line(key)}: the synonyms of {column} are not a list of their own")
    if not synonyms.flow_style:
        return _put(text, synonyms.end_mark.index, [f"{' ' * synonyms.start_mark.column}- {entry}"])
    if not synonyms.value:
        place = synonyms.start_mark.index + 1
        return f"{text[:place]}{entry}{text[place:]}"
    place = synonyms.value[-1].end_mark.index
    return f"{text[:place]}, {entry}{text[place:]}"


def raise_minor_version(text: str) -> str:
    """1.4.2 becomes 1.5.0."""
    _, version = _fields(_root(text))["version"]
    major, minor, _ = version.value.split(".")
    start, end = version.start_mark.index, version.end_mark.index
    return text[:start] + text[start:end].replace(version.value, f"{major}.{int(minor) + 1}.0") + text[end:]


def scalar(text: str) -> str:
    """The text as a YAML value that reads as it and as nothing else, also inside brackets."""
    if re.fullmatch(r"[^\W\d_]([\w .-]*\w)?", text) and yaml.safe_load(text) == text:
        return text
    return yaml.dump(text, default_style='"', allow_unicode=True, width=float("inf")).strip()


def _root(text: str) -> yaml.Node:
    return cast(yaml.Node, yaml.compose(text, Loader=yaml.SafeLoader))


def _fields(node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key and value nodes of a mapping, in order. Raises EditError when it is written in braces."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        raise EditError(f"line {_line(node)}: it is not written as one field a line")
    return {key.value: (key, value) for key, value in node.value}


def _properties(root: yaml.Node) -> tuple[yaml.Node, yaml.Node]:
    _, schema = _fields(root)["schema"]
    return _fields(schema.value[0])["properties"]


def _column(root: yaml.Node, name: str) -> yaml.Node:
    key, properties = _properties(root)
    if properties.start_mark.index < key.start_mark.index:
        raise EditError(f"line {_line(key)}: the properties stand elsewhere")
    nodes: Sequence[yaml.Node] = properties.value
    return next(node for node in nodes if _fields(node)["name"][1].value == name)


def _put(text: str, before: int, lines: Sequence[str]) -> str:
    """Put lines after the last one above a place that is neither blank nor a comment."""
    above = text[:before].split("\n")
    while above and (not above[-1].strip() or above[-1].lstrip().startswith("#")):
        above.pop()
    head = "\n".join(above)
    end = "\r\n" if head.endswith("\r") else "\n"
    return f"{head}\n{end.join(lines)}{end[:-1]}{text[len(head) :]}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
