"""How the settings shape what is asked of the vendor. Imports neither pandas nor dagster."""

from __future__ import annotations

from collections.abc import Mapping

from assets.datasets import DATASETS, Dataset, overrides
from pipelines.settings import Settings, SettingsError
from smsonline.catalogue import Catalogue, with_overrides
from smsonline.policy import CallPolicy


def catalogue(settings: Settings) -> Catalogue:
    """The endpoints as the settings have them. Raises ``SettingsError`` for an override that fits nothing."""
    try:
        return with_overrides(settings.endpoints)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def declared(settings: Settings) -> Mapping[str, Dataset]:
    """The datasets as the settings have them. Raises ``SettingsError`` for an override that fits nothing."""
    try:
        return overrides.with_overrides(DATASETS, settings.datasets)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def call_policy(settings: Settings) -> CallPolicy:
    """The account's request budget and how many requests run at the same time."""
    return CallPolicy(
        parallel=settings.parallel_requests,
        requests_per_second=settings.requests_per_second,
        requests_per_minute=settings.requests_per_minute,
    )
