"""A prompt for SQL: history, completion, statements over several lines, and psql's commands for looking around."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import typer
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import PostgresLexer
from rich.console import Console
from rich.markup import escape

from lakehouse.cli import mistakes, sql_names, sql_output, sql_text
from lakehouse.cli.sql import SESSION_SECONDS
from lakehouse.cli.sql_output import Format
from lakehouse.redshift import Redshift, ResultColumn, Rows

_CHANGES_NAMES = re.compile(r"\s*(create|drop|alter)\b", re.IGNORECASE)
_CREDENTIALS = re.compile(r"\b(password|secret_access_key|credentials)\b", re.IGNORECASE)
_HELP = """\
  statement;          run it; it may take several lines and ends with ;
  \\d                  tables and views          \\d SCHEMA            those of a schema
  \\d SCHEMA.TABLE     its columns               \\dn                 schemas
  \\x                  one line per value on/off \\timing             seconds of each statement on/off
  \\?                  this help                 \\q or Ctrl-D        leave
  Tab completes, Ctrl-R searches the history, Ctrl-C cancels the statement that runs or clears the line."""


def history_file() -> Path:
    """`LAKEHOUSE_SQL_HISTORY`, or a file among what programs of this user keep."""
    chosen = os.environ.get("LAKEHOUSE_SQL_HISTORY")
    kept = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(chosen) if chosen else Path(kept) / "lakehouse" / "sql_history"


def run(redshift: Redshift, title: str, form: Format) -> None:
    """Read statements and run them until the user leaves."""
    Shell(redshift, title, form).run()


class _History(FileHistory):
    """Readable by its user alone, and without statements that hold a password."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        super().__init__(str(path))

    def store_string(self, string: str) -> None:
        if not _CREDENTIALS.search(string):
            super().store_string(string)


class _Completer(Completer):
    """Completes from names that are read beside the prompt, so that nobody waits for them."""

    def __init__(self, redshift: Redshift) -> None:
        self._redshift = redshift
        self._names = sql_names.Names()
        self.refresh()

    def refresh(self) -> None:
        """Read the names again."""
        threading.Thread(target=self._read, daemon=True).start()

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        word, found = sql_names.completions(document.text_before_cursor, document.text, self._names)
        return (Completion(name, -len(word)) for name in found)

    def _read(self) -> None:
        try:
            self._names = sql_names.read(self._redshift)
        except Exception:  # noqa: BLE001 - a prompt without completion is still one, and the next statement says why
            return


class Shell:
    """One run of the prompt."""

    def __init__(self, redshift: Redshift, title: str, form: Format) -> None:
        self._title, self._form = title, form
        self._redshift = redshift
        self._session = redshift.session(SESSION_SECONDS)
        self._console = Console(highlight=False, soft_wrap=True)
        self._is_expanded = self._is_timed = False
        self._completer = _Completer(redshift)
        self._prompt: PromptSession[str] = PromptSession(
            history=_History(history_file()),
            completer=self._completer,
            complete_while_typing=False,
            lexer=PygmentsLexer(PostgresLexer),
            multiline=Condition(lambda: not _is_ended(self._prompt.default_buffer.text)),
            prompt_continuation=lambda width, *_: "-> ".rjust(width),
        )

    def run(self) -> None:
        """Until `\\q` or the end of the input; no error ends it."""
        self._console.print(f"Redshift, {escape(self._title)}. [dim]\\? for help, \\q to leave[/]")
        while True:
            try:
                text = self._prompt.prompt(f"{self._title}=> ")
                if text.strip() == "\\q":
                    return
                self._guarded(text)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return

    def _guarded(self, text: str) -> None:
        try:
            self._do(text)
        except KeyboardInterrupt:
            self._console.print("[yellow]cancelled[/]")
        except Exception as error:  # noqa: BLE001 - whatever it is, what the user has typed so far must not be lost
            sentence = mistakes.explain(error) or f"{type(error).__name__}: {error}"
            self._console.print(f"[red]✗[/] {escape(sentence)}")

    def _do(self, text: str) -> None:
        if text.lstrip().startswith("\\"):
            self._command(text.strip())
            return
        for statement in sql_text.statements(text):
            started = time.monotonic()
            sql_output.show(self._session.run(statement.text), self._form, is_expanded=self._is_expanded)
            if self._is_timed:
                self._console.print(f"[dim]{time.monotonic() - started:.3f} s[/]")
            if _CHANGES_NAMES.match(statement.text):
                self._completer.refresh()

    def _command(self, text: str) -> None:
        name, _, argument = text.rstrip(";").partition(" ")
        argument = argument.strip().lower()
        if name == "\\?":
            typer.echo(_HELP)
        elif name == "\\x":
            self._is_expanded = not self._is_expanded
            typer.echo(f"one line per value is {_on(self._is_expanded)}")
        elif name == "\\timing":
            self._is_timed = not self._is_timed
            typer.echo(f"timing is {_on(self._is_timed)}")
        elif name == "\\dn":
            self._show(
                "SELECT schema_name AS schema, schema_type AS type FROM svv_all_schemas "
                "WHERE database_name = current_database() ORDER BY 1"
            )
        elif name == "\\d" and "." in argument:
            self._describe(*argument.split(".", 1))
        elif name == "\\d":
            self._show(
                "SELECT schema_name AS schema, table_name AS name, table_type AS type, remarks AS description "
                "FROM svv_all_tables WHERE database_name = current_database() AND "
                + ("schema_name = :schema" if argument else "schema_name NOT IN ('pg_catalog', 'information_schema')")
                + " ORDER BY 1, 2",
                {"schema": argument} if argument else None,
            )
        else:
            typer.echo(f"there is no command {name}; \\? lists them")

    def _show(self, query: str, parameters: dict[str, str] | None = None) -> None:
        sql_output.show(self._redshift.run(query, parameters), Format.TABLE, is_expanded=self._is_expanded)

    def _describe(self, schema: str, table: str) -> None:
        """The columns of a table, a view, or a table of the lake."""
        parameters = {"schema": schema, "name": table}
        found = self._redshift.query(
            "SELECT column_name, data_type, is_nullable, distkey, sortkey, remarks FROM svv_redshift_columns "
            "WHERE database_name = current_database() AND schema_name = :schema AND table_name = :name "
            "ORDER BY ordinal_position",
            parameters,
        ).rows
        found = found or tuple(
            (*column, "YES", False, 0, None)
            for column in self._redshift.query(
                "SELECT columnname, external_type FROM svv_external_columns WHERE schemaname = :schema "
                "AND tablename = :name ORDER BY columnnum",
                parameters,
            ).rows
        )
        if not found:
            typer.echo(f"there is no table {schema}.{table}; \\d lists them")
            return
        rows = tuple(
            (name, kind, "" if nullable == "YES" else "not null", _layout(is_dist_key, position), text or "")
            for name, kind, nullable, is_dist_key, position, text in found
        )
        columns = tuple(ResultColumn(name, "varchar") for name in ("column", "type", "nulls", "layout", "description"))
        sql_output.show(Rows(columns, (rows,)), Format.TABLE, is_expanded=self._is_expanded)


def _is_ended(text: str) -> bool:
    """Whether Enter runs what was typed rather than beginning another line."""
    return not text.strip() or text.lstrip().startswith("\\") or sql_text.is_complete(text)


def _layout(is_dist_key: bool, position: int) -> str:
    return ", ".join([*(["distkey"] if is_dist_key else []), *([f"sortkey {abs(position)}"] if position else [])])


def _on(is_on: bool) -> str:
    return "on" if is_on else "off"
