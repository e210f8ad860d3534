"""The real command as a real process, against a sandbox whose clock a test moves."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from forked import Command
from pydantic import SecretStr

from assets.datasets import DATASETS
from pipelines.bootstrap import open_pipeline
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, serve

RUN = "import sys; from pipelines.cli.app import app; app(sys.argv[1:])"


# The tests advance the sandbox's clock, and the processes have this machine's.
AHEAD_MINUTES = 30 * 24 * 60


@dataclass
class Site:
    """A working folder, the sandbox it syncs from, and the settings of its processes."""

    home: Path
    sandbox: Sandbox
    environment: dict[str, str] = field(repr=False)

    @property
    def warehouse(self) -> Path:
        return self.home / "data/warehouse.duckdb"

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """In an interpreter of its own."""
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            cwd=self.home,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(
        self, *arguments: str, file_bytes: int | None = None, humble: bool = False, **variables: str
    ) -> Command:
        """The same in a process that needs no new interpreter."""
        return Command(arguments, self.home, self.environment | variables, file_bytes, humble=humble)

    def sync(self, *datasets: str) -> None:
        """A clean sync, in this process."""
        settings = Settings(
            max_clock_skew_minutes=int(self.environment["SMSONLINE_MAX_CLOCK_SKEW_MINUTES"]),
            user_id=self.environment["SMSONLINE_USER_ID"],
            api_key=SecretStr(self.environment["SMSONLINE_API_KEY"]),
            base_url=self.environment["SMSONLINE_BASE_URL"],
            warehouse=self.warehouse,
        )
        with open_pipeline(settings) as path:
            assert {result.outcome.status for result in path.sync(datasets or list(DATASETS))} == {"ok"}
            path.publish()

    def query(self, sql: str, file: Path | None = None) -> list[tuple[Any, ...]]:
        with self._reading(file) as query:
            return query(sql)

    @contextmanager
    def _reading(self, file: Path | None = None) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
        with duckdb.connect(str(file or self.warehouse), read_only=True) as connection:
            yield lambda sql: connection.execute(sql).fetchall()

    def assert_equals_the_vendor(self) -> None:
        """Every table holds the vendor's rows, and no version is doubled, lost or overlaps another."""
        with self._reading() as query:
            self._assert_equal(query)

    def _assert_equal(self, query: Callable[[str], list[tuple[Any, ...]]]) -> None:
        truth = self.sandbox.truth()
        for name, dataset in DATASETS.items():
            keys = ", ".join(dataset.key)
            if name in truth:
                columns = [
                    key for key in truth[name][0] if key in dataset.table.column_names and not key.endswith("_at")
                ]
                actual = set(query(f"SELECT {', '.join(columns)} FROM sms.{name}"))
                expected = {tuple(row[column] for column in columns) for row in truth[name]}
                # The inventory is cut by its limit: the sandbox knows older orders than it lists.
                assert actual == expected if dataset.full_snapshot else actual and actual <= expected, name
            broken = f"""
                SELECT count(*) FROM (
                    SELECT valid_from, valid_to,
                           lead(valid_from) OVER (PARTITION BY {keys} ORDER BY valid_from) AS next_from
                    FROM sms.{name}_history)
                WHERE valid_to <= valid_from OR coalesce(valid_to, TIMESTAMPTZ 'infinity') > next_from
            """
            assert query(broken) == [(0,)], name
            twice = f"SELECT count(*) FROM (SELECT {keys} FROM sms.{name} GROUP BY ALL HAVING count(*) > 1)"
            assert query(twice) == [(0,)], name


@contextmanager
def serve_site(home: Path) -> Iterator[Site]:
    """A site in ``home``."""
    # It stands still: its market moves every quarter of an hour, and never between a sync and the look at the truth.
    began = datetime.now(UTC)
    sandbox = Sandbox(now=lambda: began)
    with serve(sandbox) as address:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSONLINE_")}
        environment |= {"SMSONLINE_USER_ID": sandbox.user_id, "SMSONLINE_API_KEY": sandbox.api_key}
        environment |= {"SMSONLINE_MAX_CLOCK_SKEW_MINUTES": str(AHEAD_MINUTES)}
        environment |= {"SMSONLINE_BASE_URL": address.base_url, "SMSONLINE_V2_BASE_URL": address.v2_base_url}
        yield Site(home, sandbox, environment)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve_site(tmp_path_factory.mktemp("site")) as served:
        yield served
