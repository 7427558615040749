"""Pieces of DuckDB expressions that rewrites are made of."""

from __future__ import annotations

from sqlglot import exp


def call(macro: str, *arguments: exp.Expr | int | str) -> exp.Expr:
    """A call of a macro or function of DuckDB."""
    expressions = [exp.convert(a) if isinstance(a, int | str) else a for a in arguments]
    return exp.Anonymous(this=macro, expressions=expressions)


def cast(node: exp.Expr, data_type: str | exp.DataType) -> exp.Cast:
    """``CAST(node AS data_type)`` in DuckDB's type names."""
    to = exp.DataType.build(data_type, dialect="duckdb") if isinstance(data_type, str) else data_type.copy()
    return exp.Cast(this=node, to=to)


def joined(parts: list[exp.Expr]) -> exp.Expr:
    """The parts joined with ``||``, so that one NULL makes all of it NULL."""
    whole, *rest = parts
    for part in rest:
        whole = exp.DPipe(this=whole, expression=part)
    return exp.Paren(this=whole)
