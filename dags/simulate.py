"""Files of a shop or a retailer, dropped into landing: `ingest` wakes up by itself, as it does for real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException
from lakehouse_dags.alerts import run_failed
from lakehouse_dags.defaults import TASK_DEFAULTS

from datagen.worlds import MOST_SEED, WORLDS
from lakehouse.settings import Settings

MOST_ROWS = 5_000_000  # what one process makes well within its time


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=3),
    on_failure_callback=run_failed,
    default_args=TASK_DEFAULTS,
    params={
        "domain": Param(
            next(iter(WORLDS)), type="string", enum=list(WORLDS), title="Domain", description="Whose files."
        ),
        "rows": Param(20_000, type="integer", minimum=1, maximum=MOST_ROWS, title="Rows", description="In all, about."),
        "days": Param(
            14, type="integer", minimum=1, maximum=365, title="Days", description="A file a dataset and day, or more."
        ),
        "first_day": Param(
            "2026-01-01",
            type="string",
            format="date",
            title="First day",
            description="Choose the day after the last one of an earlier run to go on.",
        ),
        "defects": Param(
            "messy",
            type="string",
            examples=["none", "light", "messy", "hostile"],
            pattern=r"^[a-z_]+(=[0-9.]+)?(,[a-z_]+(=[0-9.]+)?)*$",
            title="Defects",
            description="What goes wrong: none, light, messy or hostile, and single ones such as messy,resent=0.2; "
            "`lakehouse generate defects` lists them.",
        ),
        "seed": Param(
            None,
            type=["null", "integer"],
            minimum=0,
            maximum=MOST_SEED,
            title="Seed",
            description="The same seed makes the same files; without one every run has its own.",
        ),
    },
    tags=["lakehouse"],
    doc_md=__doc__,
)
def simulate():
    @task(
        execution_timeout=timedelta(minutes=30),
        doc_md="Write the files to landing and what must become of them to `truth/`; gives the place that `lakehouse "
        "score` takes. A second try writes the same bytes to the same keys.",
    )
    def deliver(params: dict, run_id: str) -> str:
        from datagen import simulation

        try:
            order = simulation.order_of(run_id, params)
        except ValueError as error:
            raise AirflowFailException(str(error)) from error
        settings = Settings.from_environment()
        return simulation.deliver(order, run_id, landing=settings.landing_bucket, lake=settings.bucket)

    deliver()


simulate()
