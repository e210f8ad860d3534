"""The faults in force."""

from __future__ import annotations

import threading

from smsonline.sandbox.faults.kinds import ANY_ENDPOINT, Fault, make_fault


class Faults:
    """The faults in force, in order of adding."""

    def __init__(self) -> None:
        self.active: list[Fault] = []
        self._lock = threading.Lock()  # a test adds from its own thread while the server takes

    def add(self, endpoint: str, kind: str, times: int | None = None, after: int = 0) -> None:
        """Put a fault in force. Raises ``ValueError`` for an unknown endpoint or kind."""
        fault = make_fault(endpoint, kind, times, after)
        with self._lock:
            self.active.append(fault)

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self.active.clear()

    def take(self, endpoint: str) -> list[Fault]:
        """The faults due on one request: all that match, but of those that answer instead only the first."""
        due: list[Fault] = []
        with self._lock:
            for fault in [f for f in self.active if f.endpoint in (endpoint, ANY_ENDPOINT)]:
                waits_its_turn = fault.stage == "instead" and any(other.stage == "instead" for other in due)
                if not waits_its_turn and fault.strikes():
                    due.append(fault)
            self.active = [fault for fault in self.active if fault.times != 0]
        return due
