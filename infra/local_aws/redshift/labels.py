"""The names of result columns that the query did not name, as Redshift gives them."""

from __future__ import annotations

from sqlglot import exp

from infra.local_aws.redshift.types import of_sqlglot

ANONYMOUS = "?column?"
RESERVED = "_label_"

_NAMED: dict[type[exp.Expr], str] = {
    exp.Case: "case",
    exp.DecodeCase: "case",
    exp.GroupConcat: "listagg",
    exp.TimestampTrunc: "date_trunc",
    exp.DateTrunc: "date_trunc",
    exp.Extract: "date_part",
    exp.Nvl2: "case",
    exp.CurrentDate: "date",
    exp.CurrentUser: "current_user",
    exp.Exists: "?column?",
    exp.If: "case",
}


def label(node: exp.Expr, sql: str) -> str:
    """What Redshift calls an expression of the statement ``sql``."""
    if isinstance(node, exp.Alias | exp.Column | exp.Identifier):
        return node.alias_or_name.lower()
    if "label" in node.meta:
        return str(node.meta["label"])
    if type(node) in _NAMED:
        return _NAMED[type(node)]
    if isinstance(node, exp.Paren | exp.Window | exp.WithinGroup):
        return label(node.this, sql)
    if isinstance(node, exp.Cast):
        inner = label(node.this, sql)
        return inner if inner != ANONYMOUS else of_sqlglot(node.to, declared=False).name
    if isinstance(node, exp.Func):
        start, end = node.meta.get("start"), node.meta.get("end")
        if start is not None and end is not None:
            return sql[start : end + 1].lower()
        return (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
    return ANONYMOUS


def name_columns(query: exp.Expr, sql: str) -> dict[str, str]:
    """Alias every unnamed column of ``query``; return what Redshift calls the outermost ones, by their reserved alias.

    The outermost get an alias that cannot be meant by any GROUP BY or ORDER BY; inner ones the name itself, because the
    outer query may use it.
    """
    outermost = query
    while isinstance(outermost, exp.SetOperation | exp.Subquery):
        outermost = outermost.this
    names: dict[str, str] = {}
    for select in list(query.find_all(exp.Select)):
        select.set(
            "expressions",
            [_aliased(item, i, select is outermost, names, sql) for i, item in enumerate(select.expressions)],
        )
    return names


def _aliased(item: exp.Expr, position: int, is_outermost: bool, names: dict[str, str], sql: str) -> exp.Expr:
    if isinstance(item, exp.Alias | exp.Column | exp.Star) or item.is_star:
        return item
    name = label(item, sql)
    if is_outermost:
        alias = f"{RESERVED}{position}"
        names[alias] = name
    elif name == ANONYMOUS or isinstance(item, exp.Cast):
        return item
    else:
        alias = name
    return exp.Alias(this=item, alias=exp.to_identifier(alias))
