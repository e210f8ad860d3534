"""Builds tables anew from raw answers alone, without a call to the vendor."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from assets.assembly import assemble
from assets.declaration import Dataset
from assets.errors import AnswerRefused
from assets.fetch import Fetched, Share, part_name, spread
from assets.sync import Result
from smsonline.answers import decode
from smsonline.catalogue import Catalogue
from warehouse.loading import load_log
from warehouse.loading.batch import LoadContext, LoadCounts, LoadResult
from warehouse.loading.merge import load_batch
from warehouse.loading.replay_target import LoggedResponse, ReplayTarget, open_replay_target

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Stored:
    """A raw response as a source of rows."""

    kept: LoggedResponse
    rebuild: ReplayTarget

    @property
    def response_id(self) -> str:
        """Its row in ``raw.responses``."""
        return self.kept.response_id

    @property
    def requested_at(self) -> datetime:
        """When it was asked for, UTC."""
        return self.kept.requested_at

    @property
    def sha256(self) -> str:
        """Hash of the kept body."""
        return self.kept.body_sha256

    @property
    def body(self) -> bytes:
        """The kept body."""
        return self.rebuild.read_body(self.kept.body_sha256)

    @cached_property
    def document(self) -> Any:
        """The decoded body."""
        return decode(self.body)


@dataclass(frozen=True)
class Replay:
    """Rebuilds datasets of one warehouse file."""

    warehouse: Path
    datasets: Mapping[str, Dataset]
    catalogue: Catalogue

    def run(self, names: Sequence[str], since: datetime | None = None) -> Iterator[Result]:
        """Rebuilds ``names`` one after the other, each put in place at once; versions before ``since`` stay.

        Where raw answers were pruned, versions from before the oldest one that is left stay too. A dataset without raw
        answers is left alone. Raises ``WarehouseError`` when the file cannot be written.
        """
        with open_replay_target(self.warehouse, [dataset.table for dataset in self.datasets.values()]) as rebuild:
            for name in names:
                began = time.perf_counter()
                outcome = self._rebuild(rebuild, self.datasets[name], since)
                yield Result(name, "", outcome, time.perf_counter() - began)

    def _rebuild(self, rebuild: ReplayTarget, dataset: Dataset, since: datetime | None) -> LoadResult:
        root = self.datasets[dataset.fan_out.dataset] if dataset.fan_out else None
        kept = rebuild.logged_responses(dataset.name, [dataset.endpoint, *([root.endpoint] if root else [])])
        own = [each for each in kept if each.endpoint == dataset.endpoint]
        if not own:
            return LoadResult("ok")
        oldest = min(each.requested_at for each in own) - INSTANT
        since = max(since or oldest, oldest)
        rebuild.restore_as_of(dataset.table, since, self._marks(dataset, own, since))
        total = LoadCounts()
        for _, load in groupby(kept, key=lambda each: each.load_id):
            answers = list(load)
            if any(each.requested_at > since for each in answers if each.endpoint == dataset.endpoint):
                _add(total, self._load(rebuild, dataset, root, answers).counts)
        rebuild.swap_in(dataset.table, [each.response_id for each in own if each.requested_at > since])
        return LoadResult("ok", total)

    def _load(
        self, rebuild: ReplayTarget, dataset: Dataset, root: Dataset | None, kept: Sequence[LoggedResponse]
    ) -> LoadResult:
        """Loads one original load's answers again, with the decisions a person made then."""
        first = kept[0]
        load = LoadContext(
            first.run_id, first.load_id, dataset.name, first.account_id, first.started_at, first.accept_shrink
        )
        fetched = self._fetched(rebuild, dataset, root, kept)
        marks = load_log.read_watermarks(rebuild.connection, dataset.name)
        try:
            batch = assemble(fetched, self._place(dataset), marks, first.account_id)
        except AnswerRefused as refusal:
            return LoadResult("rejected", error=str(refusal))
        return load_batch(rebuild.connection, batch, load)

    def _fetched(
        self, rebuild: ReplayTarget, dataset: Dataset, root: Dataset | None, kept: Sequence[LoggedResponse]
    ) -> Fetched:
        shares = [
            Share(part_name(dataset, each.params, each.account_id), each.params, Stored(each, rebuild))
            for each in kept
            if each.endpoint == dataset.endpoint
        ]
        basis = [Stored(each, rebuild) for each in kept if root and each.endpoint == root.endpoint]
        if not root or not basis:
            return Fetched(dataset, shares)
        parts = spread(dataset, root, basis[0], self._place(root), kept[0].account_id)
        return Fetched(dataset, shares, (), frozenset(parts.params) if parts.complete else None, basis)

    def _marks(self, dataset: Dataset, own: Sequence[LoggedResponse], since: datetime) -> dict[str, LoggedResponse]:
        """The answer that each part's rows were last seen in at ``since``."""
        before = [each for each in own if each.requested_at <= since and each.status != "rejected"]
        return {part_name(dataset, each.params, each.account_id): each for each in before}

    def _place(self, dataset: Dataset) -> str:
        return dataset.records or self.catalogue[dataset.endpoint].records


def _add(total: LoadCounts, counts: LoadCounts) -> None:
    for each in fields(LoadCounts):
        setattr(total, each.name, getattr(total, each.name) + getattr(counts, each.name))
