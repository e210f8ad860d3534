"""Small files that outlive the ledger: its last known state, a pause, and when notices without a ledger were sent.

They lie in several places, beside the ledger and in the user's state folder: a ledger that is restored, replaced or
lost does not take all of them with it. Each write is atomic and durable, and only the owner may read the files.
"""

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url

from topups.ledger.database.connections import database_file

WATERMARK, PAUSED, NOTICES = ".watermark", ".paused", ".notices"
MAX_NOTICES = 200
LOCK_SECONDS = 2.0


class CompanionFileError(Exception):
    """A file cannot be written or removed; ``str()`` is one line that names it."""


@dataclass(frozen=True)
class LedgerWatermark:
    """The last event that was committed, by number and hash, and when the last create request left.

    ``problem`` names a file that could not be read; such a watermark counts as ahead of the ledger.
    """

    ledger_id: str
    seq: int
    hash: str
    requested_at: datetime | None = None
    problem: str = ""


class CompanionFiles:
    """The files of one ledger. ``places`` are paths without the ending of the kind, one for each folder."""

    def __init__(self, places: Iterable[Path]) -> None:
        self.places = tuple(dict.fromkeys(places))

    def read_watermarks(self) -> list[LedgerWatermark]:
        """The watermark of each place that has one. One that cannot be read has a ``problem``."""
        return [_parse_watermark(path, text) for path, text in self._read_all(WATERMARK)]

    def write_watermark(
        self, watermark: LedgerWatermark, *, replace: bool = False, until: datetime | None = None
    ) -> None:
        """Writes it in every place, but never goes back to an earlier event of the same ledger unless ``replace``.

        The latest time of a request is kept; one after ``until`` becomes that, as the clock was wrong then. Raises
        ``CompanionFileError`` if no place can be written.
        """
        with self._locked():
            existing = self.read_watermarks()
            times = [w.requested_at for w in (*existing, watermark) if w.requested_at]
            requested_at = max((min(at, until or at) for at in times), default=None)
            same = [w for w in existing if w.ledger_id == watermark.ledger_id and not w.problem and not replace]
            newest = max([watermark, *same], key=lambda w: w.seq)
            document = {"ledger_id": newest.ledger_id, "seq": newest.seq, "hash": newest.hash}
            text = json.dumps({**document, "requested_at": requested_at and requested_at.isoformat()})
            self._write_all(WATERMARK, text)

    def pause_reason(self) -> str:
        """Who paused and why; empty if no place has a pause. A file that cannot be read pauses too."""
        for path, text in self._read_all(PAUSED):
            if text is None:
                return f"paused: {path} cannot be read"
            return text.strip() or f"paused by {path}"
        return ""

    def pause(self, reason: str) -> None:
        """Writes the pause in every place. Raises ``CompanionFileError`` if none can be written."""
        self._write_all(PAUSED, reason)

    def resume(self) -> None:
        """Removes the pause in every place. Raises ``CompanionFileError`` if a file cannot be removed."""
        for path in self._paths(PAUSED):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                if os.path.lexists(path):
                    line = f"{path} cannot be removed ({error.strerror}); top-ups stay paused: remove it"
                    raise CompanionFileError(line) from None

    def last_notice_at(self, key: str) -> datetime | None:
        """When a notice of this key was last sent, by the latest of all places."""
        times = [at for _, text in self._read_all(NOTICES) for name, at in _parse_notices(text).items() if name == key]
        return max(times, default=None)

    def record_notice(self, key: str, at: datetime) -> None:
        """Records that a notice was sent. Where nothing can be written it is not recorded: the notice may repeat."""
        merged: dict[str, datetime] = {}
        with self._locked(), suppress(CompanionFileError):
            for _, text in self._read_all(NOTICES):
                for name, sent in _parse_notices(text).items():
                    merged[name] = max(sent, merged.get(name, sent))
            newest = sorted((merged | {key: at}).items(), key=lambda item: item[1])[-MAX_NOTICES:]
            self._write_all(NOTICES, json.dumps({name: sent.isoformat() for name, sent in newest}))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Others of this ledger wait meanwhile, so that reading and writing are one step.

        Locks the folder of the first place: a lock on the ledger's file would end those of SQLite. Where that is not
        possible, or another program holds it too long, it goes on without.
        """
        folder = -1
        with suppress(OSError):
            self.places[0].parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = os.open(self.places[0].parent, os.O_RDONLY)
            _lock(folder)
        try:
            yield
        finally:
            if folder >= 0:
                os.close(folder)

    def _paths(self, kind: str) -> list[Path]:
        return [path.with_name(path.name + kind) for path in self.places]

    def _read_all(self, kind: str) -> list[tuple[Path, str | None]]:
        """The files that exist with their texts; None for one that cannot be read."""
        texts: list[tuple[Path, str | None]] = []
        for path in self._paths(kind):
            try:
                texts.append((path, path.read_text("utf-8")))
            except (OSError, ValueError):
                if os.path.lexists(path):
                    texts.append((path, None))
        return texts

    def _write_all(self, kind: str, text: str) -> None:
        problems = []
        for path in self._paths(kind):
            try:
                _write_durably(path, text)
            except OSError as error:
                problems.append(f"{path} ({error.strerror})")
        if len(problems) == len(self.places):
            raise CompanionFileError(f"these files cannot be written: {', '.join(problems)}")


def _lock(folder: int) -> None:
    """Waits at most ``LOCK_SECONDS`` for a lock that ends when the descriptor is closed."""
    end = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < end:
        with suppress(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.01)


def companion_places(url: str, warehouse: Path, environment: Mapping[str, str]) -> list[Path]:
    """Where the files of the ledger at a SQLAlchemy URL lie; nowhere for one in memory.

    Beside a SQLite file, or beside the warehouse for another database; and in the user's state folder
    (``XDG_STATE_HOME`` or ``~/.local/state``, as in the XDG Base Directory Specification), named after the URL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        file = database_file(parsed)
        if file is None:
            return []
        beside = file.absolute()
        name = f"sqlite:///{beside}"
    else:
        name = parsed.render_as_string(hide_password=True)
        beside = warehouse.absolute().with_name(_state_name(name))
    return [beside, *(folder / "smsonline" / _state_name(name) for folder in _state_folders(environment))]


def _state_name(url: str) -> str:
    return f"ledger-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def _state_folders(environment: Mapping[str, str]) -> list[Path]:
    given = environment.get("XDG_STATE_HOME", "")
    if Path(given).is_absolute():
        return [Path(given)]
    try:
        return [Path.home() / ".local/state"]
    except RuntimeError:  # a user without a home
        return []


def _parse_watermark(path: Path, text: str | None) -> LedgerWatermark:
    try:
        document = json.loads(text or "")
        requested_at = document["requested_at"] and datetime.fromisoformat(document["requested_at"])
        if requested_at is not None and requested_at.tzinfo is None:
            raise ValueError("a time without a zone")
        return LedgerWatermark(str(document["ledger_id"]), int(document["seq"]), str(document["hash"]), requested_at)
    except (ValueError, TypeError, KeyError, AttributeError):
        return LedgerWatermark("", 0, "", problem=f"{path} cannot be read")


def _parse_notices(text: str | None) -> dict[str, datetime]:
    try:
        times = {str(key): datetime.fromisoformat(at) for key, at in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}
    return {key: at for key, at in times.items() if at.tzinfo}


def _write_durably(path: Path, text: str) -> None:
    """Replaces the file in one step, on the disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)  # the owner's alone
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
