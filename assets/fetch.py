"""Asks the vendor for a dataset: one request, or one per row of another dataset, each at most once in a run."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote

from assets.declaration import Dataset
from assets.errors import ShapeUnknown
from assets.normalise import ParsedResponse, extract_records, normalise
from assets.privacy import Privacy
from smsonline.answers import Answer
from smsonline.catalogue import Catalogue
from smsonline.client import Call, Client
from smsonline.errors import UnreadableAnswer


class Source(Protocol):
    """An answer that can be loaded, whether it just came or lies in raw. ``requested_at`` is in UTC."""

    @property
    def response_id(self) -> str:
        """Its row in ``raw.responses``."""

    @property
    def requested_at(self) -> datetime:
        """When it was asked for."""

    @property
    def sha256(self) -> str:
        """Hash of the kept body."""

    @property
    def body(self) -> bytes:
        """The kept body."""

    @property
    def document(self) -> Any:
        """The decoded body. Raises ``ValueError`` when it is not JSON."""


@dataclass(frozen=True)
class Received:
    """One answer, ready to be kept: ``body`` and ``sha256`` are those of the text without private contents.

    ``shared`` says that more than one dataset reads it.
    """

    answer: Answer
    privacy: Privacy | None
    shared: bool = True
    response_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def requested_at(self) -> datetime:
        """When the successful attempt was sent, UTC."""
        return self.answer.requested_at

    @cached_property
    def document(self) -> Any:
        """The decoded answer, private contents removed."""
        return self.privacy.clean(self.answer.document) if self.privacy else self.answer.document

    def clean(self) -> None:
        """Makes the body now, not while the warehouse's file is open. Raises ``ValueError`` when it cannot be read."""
        _ = self.body

    def forget(self) -> None:
        """Lets go of the decoded answer, which takes many times the memory of its body; and of the body, once kept."""
        vars(self).pop("document", None)
        vars(self.answer).pop("document", None)
        if not self.shared:
            _ = self.sha256
            vars(self).pop("body", None)
            vars(self)["answer"] = replace(self.answer, body=b"")

    @cached_property
    def body(self) -> bytes:
        """The bytes to keep."""
        return self.privacy.encoded(self.document) if self.privacy else self.answer.body

    @cached_property
    def sha256(self) -> str:
        """Hex digest of ``body``."""
        return self.privacy.digest(self.body) if self.privacy else self.answer.sha256


@dataclass(frozen=True)
class Share:
    """What one request of a dataset brought, and the name of the dataset's part that it answers for."""

    part: str
    params: Mapping[str, str]
    source: Source


@dataclass(frozen=True)
class Missing:
    """A part without an answer, and why."""

    part: str
    error: Exception


@dataclass(frozen=True)
class Fetched:
    """A dataset's answers.

    ``requested`` names all parts that exist now, or is ``None`` where that is not known. ``basis`` are the answers that
    the list of parts was made of.
    """

    dataset: Dataset
    shares: Sequence[Share]
    missing: Sequence[Missing] = ()
    requested: frozenset[str] | None = None
    basis: Sequence[Source] = ()

    @property
    def sources(self) -> list[Source]:
        """Every answer, those of the list of parts first."""
        return [*self.basis, *(share.source for share in self.shares)]


@dataclass(frozen=True)
class Spread:
    """The parts of a fan-out and each one's parameters; ``complete`` unless a record of the list could not be read."""

    params: Mapping[str, Mapping[str, str]]
    complete: bool


def part_name(dataset: Dataset, params: Mapping[str, str], account_id: str) -> str:
    """The name of the part that a request answers for: the fan-out's values, or the account where rows have one."""
    if dataset.fan_out:
        return "/".join(quote(params[name], safe="") for name in dataset.fan_out.params)
    return account_id if dataset.per_account else ""


def records_of(source: Source, dataset: Dataset, place: str) -> list[Any]:
    """The records of an answer, as ``assets.records`` finds them. Raises ``ShapeUnknown``."""
    try:
        return extract_records(source.document, dataset, place)
    except ValueError as error:
        raise ShapeUnknown(f"{dataset.name}: {error}") from None


def spread(dataset: Dataset, root: Dataset, source: Source, place: str, account_id: str) -> Spread:
    """One request per row of ``root``, as its answer lists them. Raises ``AnswerRefused`` when it cannot be read."""
    assert dataset.fan_out
    piece = ParsedResponse("", source.response_id, root.params, records_of(source, root, place))
    listed = normalise(root, [piece], account_id)
    columns = dataset.fan_out.params
    params = [
        {**dataset.params, **{name: row[column] for name, column in columns.items()}}
        for row in listed.rows.select(list(dict.fromkeys(columns.values()))).to_pylist()
    ]
    return Spread({part_name(dataset, each, account_id): each for each in params}, complete=not listed.rejects)


class Fetcher:
    """Fetches datasets for one run; an answer that two datasets share is asked for once. Thread safe."""

    def __init__(
        self,
        client: Client,
        catalogue: Catalogue,
        datasets: Mapping[str, Dataset],
        account_id: str,
        privacy: Privacy,
        trusted: Container[str] = frozenset(),
    ) -> None:
        self._client = client
        self._catalogue = catalogue
        self._datasets = datasets
        self._account_id = account_id
        self._privacy = privacy
        self._trusted = trusted
        self._shared = _shared_endpoints(datasets.values())
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str], Future[Received]] = {}

    def fetch(self, dataset: Dataset) -> Fetched:
        """All shares of ``dataset``; of a fan-out also those that are missing.

        Raises ``VendorError`` when the only answer, or the list to fan out over, cannot be had, and ``AnswerRefused``
        when that list cannot be read.
        """
        if dataset.fan_out:
            return self._fan_out(dataset)
        part = part_name(dataset, dataset.params, self._account_id)
        return Fetched(dataset, [Share(part, dataset.params, self._once(dataset.endpoint, dataset.params))])

    def _fan_out(self, dataset: Dataset) -> Fetched:
        assert dataset.fan_out
        root = self._datasets[dataset.fan_out.dataset]
        listed = self._once(root.endpoint, root.params)
        parts = spread(dataset, root, listed, self.place(root), self._account_id)
        shares, missing = self._many(dataset, parts.params)
        return Fetched(dataset, shares, missing, frozenset(parts.params) if parts.complete else None, [listed])

    def _many(self, dataset: Dataset, calls: Mapping[str, Mapping[str, str]]) -> tuple[list[Share], list[Missing]]:
        parts = {_identity(params): part for part, params in calls.items()}
        requests = [Call(dataset.endpoint, params) for params in calls.values()]
        shares, missing = [], []
        for call, result in self._client.get_many(requests, trusted=self._trusted):
            part = parts[_identity(call.params)]
            if isinstance(result, Answer):
                shares.append(Share(part, call.params, self._received(call.endpoint, result, shared=False)))
            else:
                missing.append(Missing(part, result))
        return sorted(shares, key=lambda share: share.part), missing

    def place(self, dataset: Dataset) -> str:
        """The dotted place of the dataset's records in its answer."""
        return dataset.records or self._catalogue[dataset.endpoint].records

    def _once(self, endpoint: str, params: Mapping[str, str]) -> Received:
        if endpoint not in self._shared:  # no second asker: let go of the answer as soon as it is loaded
            return self._received(endpoint, self._client.get(endpoint, params, trusted=self._trusted), shared=False)
        key = (endpoint, _identity(params))
        with self._lock:
            asked = self._asked.get(key)
            mine = asked is None
            future = self._asked.setdefault(key, Future())
        if mine:
            try:
                future.set_result(self._received(endpoint, self._client.get(endpoint, params, trusted=self._trusted)))
            except BaseException as error:  # handed to everyone who waits for this answer
                future.set_exception(error)
        return future.result()

    def _received(self, endpoint: str, answer: Answer, *, shared: bool = True) -> Received:
        if not self._catalogue[endpoint].private:
            return Received(answer, None, shared)
        received = Received(answer, self._privacy, shared)
        try:
            received.clean()
        except ValueError as error:
            raise UnreadableAnswer(endpoint, str(error), status=answer.status) from None
        return received


def _shared_endpoints(datasets: Iterable[Dataset]) -> set[str]:
    """Endpoints that more than one dataset reads, roots of fan-outs included."""
    listed = list(datasets)
    roots = {dataset.fan_out.dataset for dataset in listed if dataset.fan_out}
    asked = Counter(dataset.endpoint for dataset in listed) + Counter(d.endpoint for d in listed if d.name in roots)
    return {endpoint for endpoint, times in asked.items() if times > 1}


def _identity(params: Mapping[str, str]) -> str:
    return repr(sorted(params.items()))
