"""A YAML file whose values know their line, and a reader that notes every mistake instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

import yaml

from lakehouse.contract.errors import Problem, one_of

_TEXT, _BOOLEAN, _INTEGER, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float"))


@dataclass(frozen=True)
class Value:
    """A value of a YAML file: its node, its path, and its line from 1 (that of its key, if it has one)."""

    node: yaml.Node
    path: str
    line: int


def _line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _name_of(node: yaml.Node) -> str:
    """A node as a message may show it."""
    if isinstance(node, yaml.ScalarNode):
        return f'"{node.value}"'
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


@dataclass
class Document:
    """One YAML file being read. Each accessor returns None (or less) for a value it had to complain about."""

    file: Path
    content: bytes = field(repr=False)
    problems: list[Problem] = field(default_factory=list)

    def root(self) -> Value | None:
        """The top of the file; None when it is not YAML at all."""
        try:
            node = yaml.compose(self.content.decode("utf-8"), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            self._add(1, "", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
            return None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            told = " ".join(filter(None, (error.context, error.problem)))
            self._add(mark.line + 1 if mark else 1, "", f"not YAML: {told}", "check quotes, colons and indentation")
            return None
        except yaml.YAMLError as error:
            self._add(1, "", f"not YAML: {error}", "remove the character")
            return None
        if node is None:
            self._add(1, "", "the file is empty", "write an ODCS contract")
            return None
        return Value(node, "", _line_of(node))

    def complain(self, value: Value, wrong: str, right: str) -> None:
        """Note a mistake at the place of the value."""
        self._add(value.line, value.path, wrong, right)

    def fields(self, value: Value, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Value]:
        """The fields of a mapping by name, after noting unknown, doubled and missing ones."""
        found = self.mapping(value)
        allowed = [*required, *optional]
        for name, part in found.items():
            if name not in allowed:
                self.complain(part, f'"{name}" is not a field here', one_of(name, allowed))
        for name in required:
            if name not in found:
                self.complain(value, f'"{name}" is missing', f"add {name}: …")
        return {name: part for name, part in found.items() if name in allowed}

    def mapping(self, value: Value) -> dict[str, Value]:
        """Any mapping with text keys, after noting doubled keys and keys that are not text."""
        if not isinstance(value.node, yaml.MappingNode):
            self.complain(value, f"{_name_of(value.node)} is not a mapping", "write name: value pairs")
            return {}
        found: dict[str, Value] = {}
        for key_node, node in value.node.value:
            key = self.text(Value(key_node, value.path, _line_of(key_node)))
            if key is None:
                continue
            part = Value(node, f"{value.path}.{key}".removeprefix("."), _line_of(key_node))
            if key in found:
                self.complain(part, f'"{key}" is said twice', f"keep one (the other is on line {found[key].line})")
            else:
                found[key] = part
        return found

    def items(self, value: Value) -> Sequence[Value]:
        """The entries of a list."""
        if not isinstance(value.node, yaml.SequenceNode):
            self.complain(value, f"{_name_of(value.node)} is not a list", "write a list: - one or [one, two]")
            return ()
        return [Value(node, f"{value.path}[{index}]", _line_of(node)) for index, node in enumerate(value.node.value)]

    def text(self, value: Value) -> str | None:
        """A string. ``NO``, ``1.0`` and ``null`` are not strings in YAML until they are quoted."""
        if isinstance(value.node, yaml.ScalarNode) and value.node.tag == _TEXT:
            return str(value.node.value)
        quoted = f", such as {_name_of(value.node)} in quotes" if isinstance(value.node, yaml.ScalarNode) else ""
        self.complain(value, f"{_name_of(value.node)} is not text", f"write text{quoted}")
        return None

    def words(self, value: Value) -> str | None:
        """Text for a reader: not blank, folded into one line."""
        text = self.text(value)
        if text is not None and not text.strip():
            self.complain(value, "is blank", "say in a sentence what it is")
            return None
        return " ".join(text.split()) if text is not None else None

    def texts(self, value: Value) -> tuple[str, ...]:
        """A list of strings without repetition."""
        found: list[str] = []
        for item in self.items(value):
            text = self.text(item)
            if text in found:
                self.complain(item, f'"{text}" is said twice', "keep one")
            elif text is not None:
                found.append(text)
        return tuple(found)

    def choice(self, value: Value, allowed: Sequence[str]) -> str | None:
        """One of a few words."""
        text = self.text(value)
        if text is None or text in allowed:
            return text
        self.complain(value, f'"{text}" is not allowed', one_of(text, allowed))
        return None

    def flag(self, value: Value) -> bool:
        """true or false; False when it is neither."""
        if isinstance(value.node, yaml.ScalarNode) and value.node.tag == _BOOLEAN:
            return bool(yaml.SafeLoader.bool_values[value.node.value.lower()])
        self.complain(value, f"{_name_of(value.node)} is not a boolean", "write true or false")
        return False

    def number(self, value: Value) -> Decimal | None:
        """A number exactly as it is written, never by way of a binary float."""
        if isinstance(value.node, yaml.ScalarNode) and value.node.tag in (_INTEGER, _FLOAT):
            try:
                number = Decimal(value.node.value)
            except InvalidOperation:
                number = Decimal("NaN")
            if number.is_finite():
                return number
        self.complain(value, f"{_name_of(value.node)} is not a number", "write a decimal number such as 0 or 0.01")
        return None

    def position(self, value: Value) -> int | None:
        """A place in an order, from 1."""
        number = self.number(value)
        if number is not None and (number < 1 or number != int(number)):
            self.complain(value, f"{number} is not a position", "count from 1")
            return None
        return int(number) if number is not None else None

    def scalar(self, value: Value) -> object:
        """A value of whatever type YAML gives it: text, number, boolean or null."""
        if not isinstance(value.node, yaml.ScalarNode):
            self.complain(value, f"{_name_of(value.node)} is not a single value", "write text, a number, true or false")
            return None
        return yaml.safe_load(yaml.serialize(value.node))

    def custom_properties(self, parts: Mapping[str, Value], allowed: Sequence[str]) -> dict[str, Value]:
        """The values of ``customProperties`` by property name, after noting unknown and doubled ones."""
        found: dict[str, Value] = {}
        if "customProperties" not in parts:
            return found
        for item in self.items(parts["customProperties"]):
            entry = self.fields(item, required=("property", "value"), optional=("description",))
            name = self.text(entry["property"]) if "property" in entry else None
            if name is None or "value" not in entry:
                continue
            if name not in allowed:
                self.complain(entry["property"], f'"{name}" is not a custom property here', one_of(name, allowed))
            elif name in found:
                self.complain(item, f'"{name}" is said twice', f"keep one (the other is on line {found[name].line})")
            else:
                found[name] = replace(entry["value"], path=f"{parts['customProperties'].path}.{name}")
        return found

    def _add(self, line: int, path: str, wrong: str, right: str) -> None:
        self.problems.append(Problem(self.file, line, path, wrong, right))
