"""INSERT, UPDATE, DELETE and MERGE: every value is fitted to its column's declared type on the way in."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from infra.local_aws.redshift import dialect, grammar
from infra.local_aws.redshift.build import call, cast
from infra.local_aws.redshift.catalog import Relation, quoted
from infra.local_aws.redshift.errors import RedshiftError, not_emulated, syntax_error
from infra.local_aws.redshift.facts import Column
from infra.local_aws.redshift.translate import Translation, Translator
from infra.local_aws.redshift.types import ColumnType

_CONSTANTS = (exp.Literal, exp.Null, exp.Boolean)


@dataclass(frozen=True)
class Change:
    """``guard`` is a query that must return no row before ``statement`` runs; else its message is the error."""

    target: Relation
    statement: Translation
    guard: Translation | None = None
    guard_message: str = ""


def stored(value: exp.Expr, column_type: ColumnType) -> exp.Expr:
    """``value`` (in DuckDB's terms) as it may be stored in a column of that type, or an error when it runs."""
    if column_type.name == "varchar":
        return call("rs_store_varchar", cast(value, "VARCHAR"), column_type.length or 0)
    if column_type.name == "bpchar":
        return call("rs_store_char", cast(value, "VARCHAR"), column_type.length or 0)
    if column_type.name in ("date", "timestamp"):
        return call(f"rs_{column_type.name}", value)
    return cast(value, column_type.duckdb)


def insert(translator: Translator, tree: exp.Insert, sql: str) -> Change:
    """INSERT of VALUES, of a query, or of DEFAULT VALUES."""
    tree = normalize_identifiers(tree, dialect=Redshift)
    into = tree.this
    table = into.this if isinstance(into, exp.Schema) else into
    target = _target(translator, table)
    names = [item.name for item in into.expressions] if isinstance(into, exp.Schema) else []
    columns = target_columns(target, names)
    if tree.args.get("default"):
        return Change(target, Translation(f"INSERT INTO {target.duckdb} DEFAULT VALUES", frozenset()))
    source = tree.expression
    if tree.args.get("with_"):
        source.set("with_", tree.args["with_"])
    if isinstance(source, exp.Values):
        rows = [[*row.expressions] for row in source.expressions]
        width = len(rows[0])
        columns = fitted(columns, width, bool(names))
        part: exp.Expr = _values(translator, rows, columns)
    else:
        bound, _ = translator.bound_query(source, sql)
        width = len(bound.selects)
        columns = fitted(columns, width, bool(names))
        part = dialect.rewrite(exp.Subquery(this=bound), translator.parameters)
    slots = [f"c{position}" for position in range(width)]
    values = ", ".join(
        dialect.render(stored(exp.column(slot), column.type)) for slot, column in zip(slots, columns, strict=True)
    )
    listed = ", ".join(quoted(column.name) for column in columns)
    body = dialect.render(part)
    if not body.startswith("("):
        body = f"({body})"
    statement = f"INSERT INTO {target.duckdb} ({listed}) SELECT {values} FROM {body} AS s({', '.join(slots)})"
    return Change(target, translator.finish(statement, part))


def target_columns(target: Relation, names: list[str]) -> tuple[Column, ...]:
    """The columns that are written to; all but the generated ones when none is named."""
    for name in names:
        column = target.facts.column(name)
        if column is None:
            raise RedshiftError(f'column "{name}" of relation "{target.name}" does not exist')
        if names.count(name) > 1:
            raise RedshiftError(f'column "{name}" specified more than once')
        if column.identity_always:
            raise RedshiftError(f'cannot set an identity column to a value: "{name}"')
    if names:
        return tuple(column for name in names if (column := target.facts.column(name)) is not None)
    return tuple(column for column in target.facts.columns if not column.identity)


def fitted(columns: tuple[Column, ...], width: int, are_named: bool) -> tuple[Column, ...]:
    """The columns that a source of ``width`` columns fills."""
    if width > len(columns):
        raise RedshiftError("INSERT has more expressions than target columns")
    if width < len(columns) and are_named:
        raise RedshiftError("INSERT has more target columns than expressions")
    return columns[:width]


def _values(translator: Translator, rows: list[list[exp.Expr]], columns: tuple[Column, ...]) -> exp.Expr:
    cells: list[exp.Expr] = []
    for row in rows:
        if len(row) != len(columns):
            raise RedshiftError("VALUES lists must all be the same length")
        for cell, column in zip(row, columns, strict=True):
            is_default = isinstance(cell, exp.Var | exp.Column) and cell.name.upper() == "DEFAULT"
            cells.append(default_of(column) if is_default else cell)
    if not all(isinstance(cell, _CONSTANTS) for cell in cells):
        cells = translator.probe([], cells, None).expressions
    width = len(columns)
    tuples = [exp.Tuple(expressions=cells[i : i + width]) for i in range(0, len(cells), width)]
    return exp.Values(expressions=tuples)


def default_of(column: Column) -> exp.Expr:
    """The default of a column as a Redshift expression."""
    if column.identity:
        raise not_emulated("DEFAULT for an identity column in VALUES")
    return grammar.parse_expression(column.default) if column.default else exp.Null()


def update(translator: Translator, tree: exp.Update) -> Change:
    """UPDATE with an optional FROM."""
    target = _target(translator, tree.this)
    alias = tree.this.alias_or_name.lower()
    from_ = tree.args.get("from_")
    others = [from_.this, *(from_.this.args.pop("joins", None) or [])] if from_ else []
    joins = list(tree.args.get("joins") or [])
    names = [assignment.this.name.lower() for assignment in tree.expressions]
    columns = target_columns(target, names)
    values = [
        default_of(column) if _is_default(assignment.expression) else assignment.expression
        for assignment, column in zip(tree.expressions, columns, strict=True)
    ]
    probe = _probe(translator, tree, [tree.this, *others, *joins], values)
    settings = ", ".join(
        f"{quoted(column.name)} = {dialect.render(stored(value, column.type))}"
        for column, value in zip(columns, probe.expressions, strict=True)
    )
    statement = f"UPDATE {target.duckdb} AS {quoted(alias)} SET {settings}{_others(probe, 'FROM')}{_where(probe)}"
    return Change(target, translator.finish(statement, probe))


def delete(translator: Translator, tree: exp.Delete) -> Change:
    """DELETE with an optional USING."""
    target = _target(translator, tree.this)
    alias = tree.this.alias_or_name.lower()
    probe = _probe(translator, tree, [tree.this, *(tree.args.get("using") or [])], [])
    statement = f"DELETE FROM {target.duckdb} AS {quoted(alias)}{_others(probe, 'USING')}{_where(probe)}"
    return Change(target, translator.finish(statement, probe))


def merge(translator: Translator, tree: exp.Merge) -> Change:
    """MERGE by Redshift's rules: no alias on the target, a table as the source, both branches, one match per row."""
    if tree.this.alias:
        raise syntax_error(tree.this.alias)
    target = _target(translator, tree.this)
    using = tree.args["using"]
    if not isinstance(using, exp.Table):
        raise RedshiftError("MERGE source must be a table, a view or a subquery is not supported")
    source = _target(translator, using)
    if (source.schema, source.name) == (target.schema, target.name):
        raise RedshiftError("Source and target of MERGE must not be the same table")
    matched, unmatched = _branches(tree)
    is_delete = not isinstance(matched, exp.Update)
    assignments = [] if is_delete else matched.expressions
    updated = (
        target_columns(target, [assignment.this.name.lower() for assignment in assignments]) if assignments else ()
    )
    names, new = _inserted(unmatched)
    inserted = fitted(target_columns(target, names), len(new), bool(names))
    values = [assignment.expression for assignment in assignments] + new
    probe = translator.probe([tree.this.copy(), using.copy()], [tree.args["on"], *values], None)
    on = dialect.render(probe.expressions[0])
    fits = [
        dialect.render(stored(value, column.type))
        for value, column in zip(probe.expressions[1:], (*updated, *inserted), strict=True)
    ]
    settings = ", ".join(f"{quoted(c.name)} = {value}" for c, value in zip(updated, fits, strict=False))
    listed = ", ".join(quoted(column.name) for column in inserted)
    from_target = f"{target.duckdb} AS {quoted(target.name)}"
    from_source = f"{source.duckdb} AS {quoted(using.alias_or_name.lower())}"
    statement = (
        f"MERGE INTO {from_target} USING {from_source} ON {on} "
        f"WHEN MATCHED THEN {'DELETE' if is_delete else 'UPDATE SET ' + settings} "
        f"WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({', '.join(fits[len(updated) :])})"
    )
    guard = (
        f"SELECT 1 FROM {from_target} JOIN {from_source} ON {on} "
        f"GROUP BY {quoted(target.name)}.rowid HAVING count(*) > 1 LIMIT 1"
    )
    return Change(
        target,
        translator.finish(statement, probe),
        translator.finish(guard, exp.Tuple(expressions=[probe.expressions[0].copy()])),
        "Found multiple matches to update the same tuple.",
    )


def _branches(tree: exp.Merge) -> tuple[exp.Expr, exp.Insert]:
    whens = tree.args["whens"].expressions
    if any(when.args.get("condition") is not None or when.args.get("source") for when in whens):
        raise syntax_error("AND")
    matched = [when.args["then"] for when in whens if when.args["matched"]]
    unmatched = [when.args["then"] for when in whens if not when.args["matched"]]
    if len(matched) != 1 or len(unmatched) != 1 or not isinstance(unmatched[0], exp.Insert):
        raise RedshiftError("MERGE needs one WHEN MATCHED and one WHEN NOT MATCHED clause")
    return matched[0], unmatched[0]


def _inserted(unmatched: exp.Insert) -> tuple[list[str], list[exp.Expr]]:
    listed = unmatched.this.expressions
    if not unmatched.expression:
        # Without a column list the parser takes VALUES for a function.
        return [], list(listed[0].expressions)
    return [column.name.lower() for column in listed], list(unmatched.expression.expressions)


def _is_default(value: exp.Expr) -> bool:
    return isinstance(value, exp.Var | exp.Column) and value.name.upper() == "DEFAULT"


def _target(translator: Translator, table: exp.Table) -> Relation:
    schema, name = table.db.lower() or None, table.name.lower()
    if translator.catalog.find(schema, name) is None and translator.virtual(schema, name) is not None:
        raise RedshiftError(f'cannot modify "{name}": external tables and system views are read-only')
    return translator.catalog.table(schema, name)


def _probe(
    translator: Translator, tree: exp.Update | exp.Delete, sources: list[exp.Expr], values: list[exp.Expr]
) -> exp.Select:
    if tree.args.get("with_"):
        raise not_emulated("WITH before UPDATE or DELETE")
    where = tree.args.get("where")
    copies = [source.copy() for source in sources]
    return translator.probe(copies, [value.copy() for value in values], where.this.copy() if where else None)


def _others(probe: exp.Select, keyword: str) -> str:
    joins = probe.args.get("joins") or []
    if not joins:
        return ""
    first, *more = joins
    text = f" {keyword} {dialect.render(first.this)}"
    for join in more:
        is_plain = not (join.args.get("on") or join.side or join.kind)
        text += f", {dialect.render(join.this)}" if is_plain else f" {dialect.render(join)}"
    return text


def _where(probe: exp.Select) -> str:
    where = probe.args.get("where")
    return f" {dialect.render(where)}" if where else ""
