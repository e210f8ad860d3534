"""The ``smsonline`` command."""

from __future__ import annotations

from pipelines.cli.app import main

__all__ = ["main"]
