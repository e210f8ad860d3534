"""The faults that are active in a sandbox."""

import threading

from smsonline.sandbox.faults.kinds import ANY_ENDPOINT, Fault, make_fault


class ActiveFaults:
    """Active faults, in the order in which they were added. Thread safe."""

    def __init__(self) -> None:
        self.active: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, endpoint: str, kind: str, times: int | None = None, after: int = 0) -> None:
        """Activates a fault. Raises ``ValueError`` for an unknown endpoint or kind."""
        fault = make_fault(endpoint, kind, times, after)
        with self._lock:
            self.active.append(fault)

    def clear(self) -> None:
        """Deactivates all faults."""
        with self._lock:
            self.active.clear()

    def pop_due(self, endpoint: str) -> list[Fault]:
        """The faults due on one request: all that match, but only the first of those that replace the response."""
        due: list[Fault] = []
        with self._lock:
            for fault in [f for f in self.active if f.endpoint in (endpoint, ANY_ENDPOINT)]:
                replaced = any(earlier.stage == "replace" for earlier in due)
                if not (replaced and fault.stage == "replace") and fault.consume():
                    due.append(fault)
            self.active = [fault for fault in self.active if fault.times != 0]
        return due
