"""Redshift's SQL as trees: what is refused at sight, and queries as text that means the same anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import sqlglot
from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.parsers.redshift import RedshiftParser

from infra.local_aws.redshift.catalog import Relation
from infra.local_aws.redshift.errors import RedshiftError, from_sqlglot, not_emulated, syntax_error
from infra.local_aws.redshift.functions import FUNCTIONS, REFUSED
from infra.local_aws.redshift.labels import name_columns

# Parsed without complaint by sqlglot, and not part of Redshift's SQL.
NOT_REDSHIFT: dict[type[exp.Expr], str] = {
    exp.Lambda: "->",
    exp.Filter: "filter",
    exp.List: "[",
    exp.Struct: "{",
    exp.TableSample: "tablesample",
    exp.Fetch: "fetch",
    exp.Glob: "glob",
    exp.StartsWith: "^@",
    exp.Lateral: "lateral",
    exp.MapFromEntries: "map",
}
NOT_EMULATED: dict[type[exp.Expr], str] = {
    exp.Unnest: "unnesting of a SUPER column",
    exp.Array: "ARRAY",
    exp.GroupingSets: "GROUPING SETS",
    exp.JSONExtract: "navigation into SUPER",
    exp.Bracket: "navigation into SUPER",
}


def _is_taken_for_an_alias(node: exp.Select) -> bool:
    """Does QUALIFY follow a relation without an alias? Redshift reads the word as the alias then."""
    from_ = node.args.get("from_")
    if not node.args.get("qualify") or from_ is None or any(node.args.get(key) for key in ("where", "group", "having")):
        return False
    joins = node.args.get("joins") or []
    last = joins[-1] if joins else from_
    return isinstance(last.this, exp.Table) and not last.this.alias and not last.args.get("on")


def _is_of_a_target(node: exp.Pivot) -> bool:
    """Does a PIVOT follow the table that a statement changes, or what MERGE reads?"""
    relation = node.parent
    if relation is None:
        return False
    statement = relation.parent
    return isinstance(statement, exp.Merge) or (isinstance(statement, exp.DML) and relation.arg_key == "this")


_WRONG_SHAPES: tuple[tuple[Callable[[exp.Expr], bool], str], ...] = (
    (lambda node: isinstance(node, exp.Join) and node.kind in ("SEMI", "ANTI"), "join"),
    (lambda node: isinstance(node, exp.Join) and node.method in ("ASOF", "POSITIONAL"), "join"),
    (lambda node: isinstance(node, exp.Star) and bool(node.args.get("replace")), "replace"),
    (lambda node: isinstance(node, exp.Star) and bool(node.args.get("rename")), "rename"),
    (lambda node: isinstance(node, exp.Distinct) and bool(node.args.get("on")), "on"),
    (lambda node: isinstance(node, exp.If) and not isinstance(node.parent, exp.Case), "if"),
    (lambda node: isinstance(node, exp.Select) and bool(node.args.get("locks")), "for"),
    (lambda node: isinstance(node, exp.Select) and _is_taken_for_an_alias(node), "qualify"),
    (lambda node: isinstance(node, exp.Pivot) and _is_of_a_target(node), "pivot"),
)

# What sqlglot calls a function and Redshift writes without a plain call.
SYNTAX = (
    exp.And,
    exp.Or,
    exp.Cast,
    exp.Case,
    exp.If,
    exp.DecodeCase,
    exp.Exists,
    exp.Extract,
    exp.Substring,
    exp.Trim,
    exp.StrPosition,
    exp.ApproxDistinct,
    exp.CurrentDate,
    exp.CurrentTimestamp,
    exp.CurrentUser,
    exp.SessionUser,
    exp.RegexpLike,
)


class Dialect(Redshift):
    """sqlglot's Redshift, with three functions left as they are written.

    The format of TO_CHAR loses the case of names on the way, JSON_EXTRACT_PATH_TEXT its last argument, and ADD_MONTHS
    becomes DATEADD, which treats the ends of months otherwise.
    """

    class Parser(RedshiftParser):
        FUNCTIONS = {  # noqa: RUF012
            **{
                name: make
                for name, make in RedshiftParser.FUNCTIONS.items()
                if name not in ("TO_CHAR", "JSON_EXTRACT_PATH_TEXT")
            },
            "ADD_MONTHS": exp.AddMonths.from_arg_list,
        }


def parse(sql: str) -> exp.Expr:
    """One statement of Redshift as a tree. Raises RedshiftError for bad syntax and for what is not Redshift's."""
    try:
        tree = sqlglot.parse_one(sql, read=Dialect)
    except SqlglotError as error:
        raise from_sqlglot(error) from error
    for node in tree.walk():
        if type(node) in NOT_REDSHIFT:
            raise RedshiftError(f'syntax error at or near "{NOT_REDSHIFT[type(node)]}"')
        if type(node) in NOT_EMULATED:
            raise not_emulated(NOT_EMULATED[type(node)])
        for is_wrong, near in _WRONG_SHAPES:
            if is_wrong(node):
                raise syntax_error(near)
        if isinstance(node, exp.Func):
            _check_function(sql, node)
        if isinstance(node, exp.Window):
            _check_window(node)
    _check_aggregates(tree)
    return tree


_FRAMED = (exp.Sum, exp.Avg, exp.Count, exp.Min, exp.Max, exp.Stddev, exp.StddevPop, exp.Variance, exp.VariancePop)
_ON_TABLES_ONLY = (exp.GroupConcat, exp.Median, exp.PercentileCont, exp.PercentileDisc)


def _check_window(node: exp.Window) -> None:
    if isinstance(node.this, _FRAMED) and node.args.get("order") and not node.args.get("spec"):
        raise RedshiftError("Aggregate window functions with an ORDER BY clause require a frame clause")


def _check_aggregates(tree: exp.Expr) -> None:
    if tree.find(*_ON_TABLES_ONLY) and isinstance(tree, exp.Query) and not tree.find(exp.Table):
        raise RedshiftError(
            "One or more of the used functions must be applied on at least one user created tables. Examples of user"
            " table only functions are LISTAGG, MEDIAN, PERCENTILE_CONT, etc"
        )
    for select in tree.find_all(exp.Select):
        lists = [group for group in select.find_all(exp.WithinGroup) if isinstance(group.this, exp.GroupConcat)]
        if len({str(group.expression) for group in lists if group.find_ancestor(exp.Select) is select}) > 1:
            raise RedshiftError("within group ORDER BY clauses for aggregate functions must be the same")


def _check_function(sql: str, node: exp.Func) -> None:
    start, end = node.meta.get("start"), node.meta.get("end")
    if isinstance(node, exp.Anonymous):
        name = node.name.lower()
    elif start is not None and end is not None:
        name = sql[start : end + 1].lower()
    elif isinstance(node, SYNTAX):
        return
    else:
        name = node.sql_name().lower()
    if name in REFUSED:
        raise not_emulated(f"function {name}()")
    is_name = re.fullmatch(r"\w+", name) and name != "values"
    if is_name and name not in FUNCTIONS:
        raise RedshiftError(f"function {name}() does not exist")


def parse_expression(sql: str) -> exp.Expr:
    """A single expression, as in a DEFAULT."""
    (item,) = parse(f"SELECT {sql}").expressions
    return item if isinstance(item, exp.Expr) else exp.Null()


def parse_stored(sql: str) -> exp.Expr:
    """A query that was checked when its view was created."""
    return sqlglot.parse_one(sql, read=Dialect)


def stored(
    tree: exp.Query,
    sql: str,
    titles: Sequence[str],
    find: Callable[[str | None, str], Relation | None],
    expand: Callable[[exp.Expr], None],
) -> str:
    """A view's query as text: every relation with its schema, every column with its name (or its title).

    ``expand`` replaces what depends on the columns that a relation has when the view is made.
    """
    names = name_columns(tree, sql)
    tree = normalize_identifiers(tree, dialect=Redshift)
    expand(tree)
    for table in tree.find_all(exp.Table):
        if table.db or not is_common_table(table):
            relation = find(table.db or None, table.name)
            if relation is not None and relation.is_temporary:
                raise RedshiftError(f'a view cannot be created over the temporary table "{table.name}"')
            table.set("catalog", None)
            if relation is not None:
                table.set("db", exp.to_identifier(relation.schema))
    for item in tree.selects:
        if isinstance(item, exp.Alias) and item.alias in names:
            item.set("alias", exp.to_identifier(names[item.alias], quoted=True))
    if titles:
        inner = exp.Subquery(
            this=tree,
            alias=exp.TableAlias(
                this=exp.to_identifier("_view"), columns=[exp.to_identifier(title, quoted=True) for title in titles]
            ),
        )
        tree = exp.select("*").from_(inner)
    return tree.sql(dialect=Dialect)


def is_common_table(table: exp.Table) -> bool:
    """Does the name mean a WITH query of an enclosing SELECT?"""
    node: exp.Expr | None = table
    while node is not None:
        with_ = node.args.get("with_")
        if with_ is not None and any(cte.alias.lower() == table.name.lower() for cte in with_.expressions):
            return True
        node = node.parent
    return False
