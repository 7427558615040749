"""The words of a statement, for the commands that sqlglot does not read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from infra.local_aws.redshift.errors import from_sqlglot, syntax_error

Item = TypeVar("Item")


class _EveryWord(Redshift):
    """Redshift's dialect, except that no command swallows the rest of its statement as one string."""

    class Tokenizer(Redshift.Tokenizer):
        COMMANDS = set()  # noqa: RUF012 - sqlglot's own way of configuring a dialect


@dataclass(frozen=True)
class Word:
    """One token: ``text`` is unquoted; ``start`` and ``end`` (exclusive) are offsets in the statement."""

    text: str
    kind: str
    start: int
    end: int


_KINDS = {TokenType.STRING: "string", TokenType.IDENTIFIER: "name", TokenType.NUMBER: "number"}


def words_of(sql: str) -> list[Word]:
    """All tokens; keywords of several words come apart. Raises RedshiftError for an unterminated string."""
    try:
        tokens = _EveryWord().tokenize(sql)
    except SqlglotError as error:
        raise from_sqlglot(error) from error
    words: list[Word] = []
    for token in tokens:
        kind = _KINDS.get(token.token_type)
        if kind is None:
            kind = "word" if token.text[:1].isalpha() or token.text[:1] in "_#" else "mark"
        parts = token.text.split() if kind == "word" else [token.text]
        words += [Word(part, kind, token.start, token.end + 1) for part in parts]
    return words


def split(sql: str) -> list[str]:
    """The statements of ``sql`` that are not empty, without their semicolons."""
    statements: list[str] = []
    start = 0
    words: list[Word] = []
    for word in [*words_of(sql), Word(";", "mark", len(sql), len(sql))]:
        if (word.kind, word.text) != ("mark", ";"):
            words.append(word)
            continue
        if words:
            statements.append(sql[start : word.start].strip())
        start, words = word.end, []
    return statements


class Cursor:
    """Reads the words of one statement from left to right."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._words = words_of(sql)
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        """The next word in upper case; a string or a quoted name counts as no word; empty at the end."""
        position = self._at + ahead
        if position >= len(self._words):
            return ""
        word = self._words[position]
        return word.text.upper() if word.kind in ("word", "mark", "number") else f"'{word.text}'"

    @property
    def at_end(self) -> bool:
        """Has every word been read?"""
        return self._at >= len(self._words)

    def accept(self, *words: str) -> bool:
        """Read ``words`` if they come next, all of them."""
        if any(self.peek(ahead) != word for ahead, word in enumerate(words)):
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Read ``words`` or raise Redshift's syntax error."""
        for word in words:
            if not self.accept(word):
                raise self.unexpected()

    def unexpected(self) -> Exception:
        """The syntax error at the next word."""
        return syntax_error("" if self.at_end else self._words[self._at].text)

    def word(self) -> str:
        """Read any word, in upper case."""
        if self.at_end:
            raise self.unexpected()
        text = self.peek()
        self._at += 1
        return text

    def name(self) -> str:
        """Read an identifier, folded to lower case as Redshift folds quoted ones too."""
        if self.at_end or self._words[self._at].kind not in ("word", "name"):
            raise self.unexpected()
        self._at += 1
        return self._words[self._at - 1].text.lower()

    def qualified_name(self) -> tuple[str | None, str]:
        """Read ``[database.][schema.]name``; the database is dropped."""
        parts = [self.name()]
        while self.accept("."):
            parts.append(self.name())
        return (parts[-2] if len(parts) > 1 else None), parts[-1]

    def string(self) -> str:
        """Read a string literal."""
        if self.at_end or self._words[self._at].kind != "string":
            raise self.unexpected()
        self._at += 1
        return self._words[self._at - 1].text

    def number(self) -> int:
        """Read a whole number, possibly negative."""
        sign = -1 if self.accept("-") else 1
        if self.at_end or not self._words[self._at].text.isdecimal():
            raise self.unexpected()
        self._at += 1
        return sign * int(self._words[self._at - 1].text)

    def listed(self, item: Callable[[], Item]) -> list[Item]:
        """Read ``item [, item ...]``."""
        items = [item()]
        while self.accept(","):
            items.append(item())
        return items

    def parenthesised(self, item: Callable[[], Item]) -> list[Item]:
        """Read ``( item [, item ...] )``."""
        self.expect("(")
        items = self.listed(item)
        self.expect(")")
        return items

    def until(self, stops: frozenset[str]) -> str:
        """The text up to a word of ``stops`` outside parentheses, or to the end; it must not be empty."""
        depth, first = 0, self._at
        while not self.at_end:
            word = self.peek()
            if depth == 0 and word in stops:
                break
            depth += {"(": 1, ")": -1}.get(word, 0)
            self._at += 1
        if self._at == first:
            raise self.unexpected()
        return self.sql[self._words[first].start : self._words[self._at - 1].end]

    def rest(self) -> str:
        """The text of all words that remain."""
        if self.at_end:
            return ""
        start = self._words[self._at].start
        self._at = len(self._words)
        return self.sql[start:]

    def finish(self) -> None:
        """Raise a syntax error unless every word has been read."""
        if not self.at_end:
            raise self.unexpected()
