"""Expressions over columns, such as ``line_total <= quantity * unit_price``: a small part of Spark SQL.

What is read here is checked as far as a row can be known before it arrives. Every name is a column or one of
`FUNCTIONS`, both sides of a comparison are of one kind, and no result needs more digits than a decimal has. So a
expression is exact and cannot fail: one that did would fail every row of its batch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NoReturn

from lakehouse.contract.errors import one_of
from lakehouse.contract.types import MAX_DECIMAL_PRECISION, ColumnType

Kind = Literal["number", "text", "boolean", "date", "timestamp", "interval"]
_ANY: tuple[Kind, ...] = ("number", "text", "boolean", "date", "timestamp")
_KIND_OF_TYPE: Mapping[str, Kind] = {
    "smallint": "number",
    "integer": "number",
    "bigint": "number",
    "decimal": "number",
    "varchar": "text",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}


@dataclass(frozen=True)
class Function:
    """What a function gives, and what it takes: one value of one of these kinds, or several of one kind."""

    gives: str
    takes: tuple[Kind, ...]
    takes_several: bool = False
    spark: str | None = None
    """Its Spark SQL, where that is not the name; the values stand for `{}`."""
    digits: int = 0
    """How many the number has that it makes of something else."""


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function("a number without its sign", ("number",)),
    "coalesce": Function("the first of its values that is there", _ANY, takes_several=True),
    "date": Function("the day of an instant", ("timestamp", "date")),
    "day_of_week": Function(
        "the day of the week: 1 is Monday, 7 Sunday", ("timestamp", "date"), spark="weekday({}) + 1", digits=1
    ),
    "greatest": Function("the greatest of its values that are there", _ANY, takes_several=True),
    "hour": Function("the hour of an instant, 0 to 23", ("timestamp",), digits=2),
    "least": Function("the least of its values that are there", _ANY, takes_several=True),
    "length": Function("how many characters a text has", ("text",), digits=10),
    "lower": Function("a text in small letters", ("text",)),
    "month": Function("the month of an instant, 1 to 12", ("timestamp", "date"), digits=2),
    "upper": Function("a text in capitals", ("text",)),
    "year": Function("the year of an instant", ("timestamp", "date"), digits=4),
}
"""What an expression may call."""

_KEYWORDS = ("and", "or", "not", "is", "null", "in", "between", "true", "false", "interval", "timestamp")
_COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")
_UNITS = ("second", "minute", "hour", "day")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)(?![\w.])|(?P<text>'[^'\\]*')(?!')|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign><>|!=|<=|>=|-(?!-)|[=<>+*(),]))",
    re.ASCII,
)
_END = ("end", "", 0)
_MOST_NESTED = 30


class ConditionError(ValueError):
    """What is wrong with a condition, and what would be right."""

    def __init__(self, wrong: str, right: str) -> None:
        self.wrong, self.right = wrong, right
        super().__init__(f"{wrong}; {right}")


@dataclass(frozen=True)
class Condition:
    """A condition, or another value, that was read: in Spark SQL, and the columns that it names, in that order."""

    spark: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class _Term:
    """A part of an expression: what it gives, and its Spark SQL. A number has `whole` digits before and `scale` digits
    after the point."""

    kind: Kind
    sql: str
    whole: int = 0
    scale: int = 0


def read_condition(text: str, columns: Mapping[str, ColumnType]) -> Condition:
    """Read a condition over these columns. Raises ConditionError."""
    reader = _Reader(text, columns)
    term = reader.read()
    return Condition(term.sql, tuple(dict.fromkeys(reader.named)))


def read_expression(text: str, columns: Mapping[str, ColumnType], type_: ColumnType) -> Condition:
    """Read a value of this type over these columns. Raises ConditionError, also when a value might not fit the type."""
    reader = _Reader(text, columns)
    term = reader.read_value()
    kind = _KIND_OF_TYPE.get(type_.kind)
    if term.kind != kind:
        raise ConditionError(f"the value is a {term.kind}", f"make it a {type_}, or declare another type")
    whole = _DIGITS[type_.kind] - 1 if type_.kind in _DIGITS else (type_.precision or 0) - (type_.scale or 0)
    if kind == "number" and (term.whole > whole or term.scale > (type_.scale or 0)):
        needed = f"decimal({term.whole + term.scale},{term.scale})"
        raise ConditionError(f"the value may need {term.whole} digits and {term.scale} decimals", f"declare {needed}")
    sql = f"cast({term.sql} as {type_.spark})" if kind == "number" else term.sql
    return Condition(sql, tuple(dict.fromkeys(reader.named)))


class _Reader:
    """One method for each level of precedence, loosest first."""

    def __init__(self, text: str, columns: Mapping[str, ColumnType]) -> None:
        self._tokens, self._columns, self._at, self._depth = _tokens(text), columns, 0, 0
        self.named: list[str] = []

    def read(self) -> _Term:
        term = self.read_value()
        if term.kind != "boolean":
            raise ConditionError(f"the condition is a {term.kind}", "compare it with something")
        return term

    def read_value(self) -> _Term:
        term = self._either()
        if self._token != _END:
            self._fail("it should have ended", "join conditions with AND or OR")
        if not self.named:
            raise ConditionError("it names no column", one_of("", tuple(self._columns)))
        return term

    def _either(self) -> _Term:
        self._depth += 1
        if self._depth > _MOST_NESTED:
            self._fail("the condition is nested too deeply", "split it into several rules")
        term = self._joined(self._both, "or")
        self._depth -= 1
        return term

    def _both(self) -> _Term:
        return self._joined(self._negated, "and")

    def _joined(self, part: Callable[[], _Term], word: str) -> _Term:
        term = part()
        while self._takes(word):
            other = part()
            _expect_kind((term, other), ("boolean",), word.upper())
            term = _Term("boolean", f"({term.sql} {word.upper()} {other.sql})")
        return term

    def _negated(self) -> _Term:
        negations = 0
        while self._takes("not"):
            negations += 1
        term = self._compared()
        if not negations:
            return term
        _expect_kind((term,), ("boolean",), "NOT")
        return term if negations % 2 == 0 else _Term("boolean", f"(NOT {term.sql})")

    def _compared(self) -> _Term:
        left = self._sum()
        if self._takes("is"):
            word = "IS NOT NULL" if self._takes("not") else "IS NULL"
            self._require("null")
            return _Term("boolean", f"({left.sql} {word})")
        for sign in _COMPARISONS:
            if self._takes(sign):
                right = self._sum()
                _expect_alike((left, right), sign)
                return _Term("boolean", f"({left.sql} {sign} {right.sql})")
        negation = "NOT " if self._takes("not") else ""
        if self._takes("between"):
            low = self._sum()
            self._require("and")
            high = self._sum()
            _expect_alike((left, low, high), "BETWEEN")
            return _Term("boolean", f"({left.sql} {negation}BETWEEN {low.sql} AND {high.sql})")
        if self._takes("in"):
            self._require("(")
            choices = self._list()
            _expect_alike((left, *choices), "IN")
            return _Term("boolean", f"({left.sql} {negation}IN ({', '.join(choice.sql for choice in choices)}))")
        if negation:
            self._fail("NOT stands before BETWEEN or IN here", "write NOT before the whole comparison")
        return left

    def _sum(self) -> _Term:
        term = self._product()
        while (sign := self._token[1]) in ("+", "-") and self._token[0] == "sign":
            self._at += 1
            other = self._product()
            if term.kind == "timestamp":
                _expect_kind((other,), ("interval",), f"an instant {sign}")
                term = _Term("timestamp", f"({term.sql} {sign} {other.sql})")
            else:
                _expect_kind((term, other), ("number",), sign)
                term = _number(f"({term.sql} {sign} {other.sql})", _wider(term, other, carried=1))
        return term

    def _product(self) -> _Term:
        term = self._signed()
        while self._takes("*"):
            other = self._signed()
            _expect_kind((term, other), ("number",), "*")
            digits = (term.whole + other.whole + 1, term.scale + other.scale)
            term = _number(f"({term.sql} * {other.sql})", digits)
        return term

    def _signed(self) -> _Term:
        is_negative = self._takes("-")
        term = self._primary()
        if not is_negative:
            return term
        _expect_kind((term,), ("number",), "-")
        return _Term("number", f"(- {term.sql})", term.whole, term.scale)

    def _primary(self) -> _Term:
        sort, word, _ = self._token
        if self._takes("("):
            term = self._either()
            self._require(")")
            return term
        if sort not in ("number", "text", "name"):
            self._fail("a value is missing", "write a column, a number, a text in single quotes or a function")
        self._at += 1
        if sort == "number":
            whole, _, fraction = word.partition(".")
            return _number(f"{word}BD", (len(whole.lstrip("0")) or int(not fraction), len(fraction)))
        return _Term("text", word) if sort == "text" else self._word(word.lower())

    def _word(self, word: str) -> _Term:
        """What begins with a word: a literal, a function or a column."""
        if word in ("true", "false"):
            return _Term("boolean", word.upper())
        if word in ("date", "timestamp") and self._token[0] == "text":
            return self._instant(word)
        if word == "interval":
            return self._interval()
        if word in FUNCTIONS and self._takes("("):
            return self._called(word, self._list())
        if word in _KEYWORDS or word not in self._columns:
            self._at -= 1
            is_called = self._tokens[self._at + 1][1] == "("
            allowed = tuple(FUNCTIONS) if is_called else tuple(self._columns)
            self._fail(f'"{word}" is not a {"function" if is_called else "column"} here', one_of(word, allowed))
        type_ = self._columns[word]
        kind = _KIND_OF_TYPE.get(type_.kind)
        if kind is None:
            self._fail(f"{word} is a {type_}, which is not exact", "make it a decimal")
        self.named.append(word)
        if type_.kind in _DIGITS:  # as a decimal, so that no product or sum overflows
            return _Term("number", f"cast(`{word}` as decimal({_DIGITS[type_.kind]},0))", _DIGITS[type_.kind])
        return _Term(kind, f"`{word}`", (type_.precision or 0) - (type_.scale or 0), type_.scale or 0)

    def _instant(self, word: str) -> _Term:
        text = self._token[1].strip("'")
        try:
            instant = datetime.fromisoformat(text) if word == "timestamp" else date.fromisoformat(text)
            if isinstance(instant, datetime) and instant.tzinfo is not None:
                raise ValueError("a zone")
        except ValueError:
            self._fail(f"'{text}' is not a {word}", "write 2026-01-31, or 2026-01-31 12:00:00 for an instant, in UTC")
        self._at += 1
        if isinstance(instant, datetime):
            return _Term("timestamp", f"timestamp_ntz '{instant.isoformat(' ')}'")
        return _Term("date", f"date '{instant.isoformat()}'")

    def _interval(self) -> _Term:
        sort, count, _ = self._token
        unit = self._tokens[min(self._at + 1, len(self._tokens) - 1)][1].lower().removesuffix("s")
        if sort != "number" or not count.isdigit() or len(count) > 6 or unit not in _UNITS:
            self._fail("an interval is a number and its unit", f"write INTERVAL 7 DAYS; units are {', '.join(_UNITS)}")
        self._at += 2
        return _Term("interval", f"interval '{int(count)}' {unit}")

    def _called(self, name: str, given: Sequence[_Term]) -> _Term:
        function, first = FUNCTIONS[name], given[0]
        _expect_kind(given, function.takes, name)
        if function.takes_several != (len(given) > 1):
            right = "give it two values or more" if function.takes_several else "give it one value"
            self._fail(f"{name} of {len(given)}", right)
        if len({term.kind for term in given}) > 1:
            self._fail(f"{name} of values of several kinds", "give it values of one kind")
        sql = (function.spark or f"{name}({{}})").format(", ".join(term.sql for term in given))
        if function.digits:
            return _Term("number", f"cast({sql} as decimal({function.digits},0))", function.digits)
        if first.kind == "number":
            return _number(sql, _wider(*given))
        return _Term("date" if name == "date" else first.kind, sql)

    def _list(self) -> list[_Term]:
        """Values up to the closing bracket; the opening one has been read."""
        found = [self._either()]
        while self._takes(","):
            found.append(self._either())
        self._require(")")
        return found

    # --- tokens and checks

    @property
    def _token(self) -> tuple[str, str, int]:
        return self._tokens[self._at]

    def _takes(self, word: str) -> bool:
        """Whether this keyword or sign comes next; then it is read."""
        sort, text, _ = self._token
        if sort in ("name", "sign") and text.lower() == word:
            self._at += 1
            return True
        return False

    def _require(self, word: str) -> None:
        if not self._takes(word):
            self._fail(f"{word.upper()} is missing", f"write {word.upper()} here")

    def _fail(self, wrong: str, right: str) -> NoReturn:
        _, word, place = self._token
        where = f'at "{word}", character {place + 1}' if word else "at the end"
        raise ConditionError(f"{where}: {wrong}", right)


def _wider(*terms: _Term, carried: int = 0) -> tuple[int, int]:
    """Digits before and after the point of a number that may be any of these; `carried` more before it."""
    return max(term.whole for term in terms) + carried, max(term.scale for term in terms)


def _number(sql: str, digits: tuple[int, int]) -> _Term:
    whole, scale = digits
    if whole + scale > MAX_DECIMAL_PRECISION:
        right = f"compare smaller numbers: a decimal has {MAX_DECIMAL_PRECISION} digits at most"
        raise ConditionError(f"a number may need {whole + scale} digits", right)
    return _Term("number", sql, whole, scale)


def _expect_kind(terms: Sequence[_Term], kinds: Sequence[Kind], what: str) -> None:
    for term in terms:
        if term.kind not in kinds:
            raise ConditionError(f"{what} of a value of kind {term.kind}", f"give it one of kind {' or '.join(kinds)}")


def _expect_alike(terms: Sequence[_Term], what: str) -> None:
    """A day may be compared with an instant: it is its first one."""
    kinds = {"timestamp" if term.kind == "date" else term.kind for term in terms}
    if len(kinds) > 1 or "interval" in kinds:
        found = " and ".join(dict.fromkeys(term.kind for term in terms))
        raise ConditionError(f"{what} between values of kind {found}", "compare values of one kind")
    if kinds == {"number"}:
        _number("", _wider(*terms))


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """(sort, text, place) of every token, and one that says the end."""
    found, place = [], 0
    while text[place:].strip():
        token = _TOKEN.match(text, place)
        if token is None:
            blanks = len(text[place:]) - len(text[place:].lstrip())
            raise ConditionError(
                f'"{text[place + blanks :][:12]}" is not understood, character {place + blanks + 1}',
                "use columns, numbers, texts in single quotes, = <> < <= > >= + - * ( ) , and the functions "
                + ", ".join(FUNCTIONS),
            )
        sort = token.lastgroup or ""
        found.append((sort, token[sort], token.start(sort)))
        place = token.end()
    return [*found, _END]
