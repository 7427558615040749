"""Asking for a rebuild: one batch of all the domain's datasets, and word of one that was given up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse import batches, proof, rebuilds, road
from lakehouse.contract import load_registry
from lakehouse.medallion import Source
from lakehouse.proof import Check, ProofError
from lakehouse.settings import Settings
from tests.unit.conftest import BUCKET, BUCKETS, LANDING

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
REGISTRY = load_registry()


def ask(s3: Any, domain: str = "fashion", source: Source = "bronze", name: str = "name") -> str:
    return rebuilds.submit(s3, BUCKET, REGISTRY, domain, source, "a rule has changed", NOW, name)


def plan(s3: Any) -> batches.Batch:
    batch = batches.plan(s3, BUCKETS, 100, 1 << 30, NOW)
    assert batch is not None
    return batch


def finish(s3: Any, batch: batches.Batch) -> None:
    batches.finish(s3, BUCKETS, batch, {}, NOW)


@pytest.mark.parametrize(
    ("source", "rebuilt"), [("raw", ["bronze", "silver", "gold"]), ("bronze", ["silver", "gold"]), ("silver", ["gold"])]
)
def test_a_request_becomes_a_batch_of_the_whole_domain(s3: Any, source: Source, rebuilt: list[str]) -> None:
    request = ask(s3, "retail", source)
    assert ask(s3, "retail", source) == request
    batch = plan(s3)
    assert (batch.kind, batch.reason, batch.request_id) == ("rebuild", "a rule has changed", request)
    assert batch.datasets == {contract.dataset for contract in REGISTRY.sources_of("retail")}
    assert [layer for layer in ("bronze", "silver", "gold") if batch.rebuilds(layer)] == rebuilt  # type: ignore[arg-type]
    assert batches.of_request(s3, BUCKET, request) == batch
    finish(s3, batch)
    assert batches.plan(s3, BUCKETS, 100, 1 << 30, NOW) is None
    rebuilds.require_done(s3, BUCKET, request)


def test_a_rebuild_that_keeps_failing_is_given_up_and_says_so(s3: Any) -> None:
    request = ask(s3)
    batch = plan(s3)
    for run in "123":
        batches.note_failure(s3, BUCKET, batch, run, "a raw file is gone")
    batch = plan(s3)
    assert not any(batch.rebuilds(layer) for layer in ("bronze", "silver", "gold"))
    finish(s3, batch)
    with pytest.raises(rebuilds.GivenUpError, match=r"batch 1 failed 3 times .* a raw file is gone.*ask again"):
        rebuilds.require_done(s3, BUCKET, request)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake in which a sum never closes. What stands half-way in a warehouse is made in tests/spark; here only who may
    end so."""
    monkeypatch.setattr(road, "Redshift", lambda _: None)
    monkeypatch.setattr(proof, "prove", lambda *_: [Check("places", "fashion.members", problems=("3 are not 4",))])
    environment = {"BUCKET": BUCKET, "LANDING_BUCKET": LANDING}
    environment |= {"WORKGROUP": "w", "DATABASE": "d", "REDSHIFT_ROLE": "r", "QUEUE_URL": "q"}
    return Settings.from_environment({f"LAKEHOUSE_{name}": value for name, value in environment.items()})


def test_a_rebuild_that_is_given_up_may_end_with_sums_that_do_not_close(
    s3: Any, broken: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    ask(s3)
    batch = plan(s3)
    with pytest.raises(ProofError, match="3 are not 4"):
        road.prove(broken, batch.batch_id)
    for run in "123":
        batches.note_failure(s3, BUCKET, batch, run, "a raw file is gone")
    road.prove(broken, plan(s3).batch_id)
    assert "Batch 1, a rebuild, is given up: Ask for it again. It failed: a raw file is gone" in caplog.text
    assert "3 are not 4" in caplog.text


def test_a_batch_of_what_is_about_to_be_rebuilt_may_end_with_sums_that_do_not_close(
    s3: Any, broken: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    s3.put_object(Bucket=LANDING, Key="fashion/members/1.csv", Body=b"a")
    s3.put_object(Bucket=LANDING, Key="retail/orders/1.csv", Body=b"b")
    number = plan(s3).batch_id
    ask(s3, "fashion")
    with pytest.raises(ProofError, match="3 are not 4"):  # retail would stay as it is
        road.prove(broken, number)
    ask(s3, "retail", name="another")
    road.prove(broken, number)
    assert "Batch 1 is left to the rebuild that has been asked for: the sums do not close" in caplog.text
    finish(s3, batches.read(s3, BUCKET, number))
    rebuild = plan(s3)
    assert rebuild.kind == "rebuild"
    with pytest.raises(ProofError, match="3 are not 4"):  # its own request excuses nothing
        road.prove(broken, rebuild.batch_id)


def test_no_batch_is_found_for_what_nobody_asked_for(s3: Any) -> None:
    assert batches.of_request(s3, BUCKET, "20261120T120000-name") is None


def test_a_domain_without_sources_is_refused(s3: Any) -> None:
    with pytest.raises(KeyError, match="retial"):
        ask(s3, "retial")
