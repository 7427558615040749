"""Runs the steps of a plan. Each takes place as a whole or not at all, and the next look at the warehouse plans what is
left: killed anywhere, run again, it goes on; run twice at once, the one that comes too late finds the step done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from lakehouse.contract import Registry
from lakehouse.redshift import Redshift, RedshiftError
from lakehouse.warehouse_changes import catalog, planning
from lakehouse.warehouse_changes.planning import HARMLESS, Kind, Plan, Step

_TRIES = 3
_WAIT_SECONDS = 0.5


class StepError(Exception):
    """A step failed and is still to be done; the message names it and has Redshift's words."""


def outlook(redshift: Redshift, registry: Registry) -> Plan:
    """The plan for the warehouse as it is now. Raises RedshiftError."""
    return planning.plan(registry, catalog.read(redshift, registry))


def apply(
    redshift: Redshift,
    registry: Registry,
    kinds: Collection[Kind],
    report: Callable[[Step], None] = lambda _: None,
    *,
    agreed: Collection[Step] | None = None,
) -> Plan:
    """Run every step of these kinds; `report` hears of each that was done here. What is left is returned.

    `agreed` are the steps that somebody has seen: of those that rewrite or drop something, no other subject's run,
    whatever has become of the warehouse since. Raises StepError, RedshiftError.
    """
    seen = None if agreed is None else {(step.kind, step.subject) for step in agreed}

    def is_wanted(step: Step) -> bool:
        is_agreed = seen is None or step.kind in HARMLESS or (step.kind, step.subject) in seen
        return step.kind in kinds and is_agreed and step not in done

    done: set[Step] = set()
    plan = outlook(redshift, registry)
    while steps := list(filter(is_wanted, plan.steps)):
        for step in steps:
            done.add(step)
            if not _run(redshift, registry, step):
                break  # the warehouse has changed under this plan
            report(step)
        plan = outlook(redshift, registry)
    return plan


def _run(redshift: Redshift, registry: Registry, step: Step) -> bool:
    """Do a step, or see that it need not be done any more: then False. Raises StepError."""
    tries = 1 if step.kind == "rewrite" else _TRIES
    for tried in range(1, tries + 1):
        try:
            if len(step.statements) == 1:
                # By itself and not as a batch of one: Redshift lengthens no column inside a transaction block.
                redshift.query(step.statements[0])
            else:
                redshift.transaction(step.statements)
        except RedshiftError as error:
            if step not in outlook(redshift, registry).steps:
                return False
            if tried == tries:
                raise StepError(f"{step.subject}: could not {step.action}: {error}") from error
            time.sleep(_WAIT_SECONDS)
        else:
            return True
    return False
