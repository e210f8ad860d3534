"""Puts the rooms together: from settings to a data path that is ready to sync.

Imports pandas by way of the data path, so the command line imports this module only in commands that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from difflib import get_close_matches

from assets.datasets import Dataset
from assets.pii_policy import pii_policy
from assets.sync import SyncPipeline
from pipelines.calling import call_policy, catalogue, declared
from pipelines.settings import Settings, SettingsError
from smsonline.client import Client, utc_now


def chosen(names: Sequence[str], datasets: Mapping[str, Dataset]) -> list[str]:
    """The names asked for, or all. Raises ``SettingsError`` with the nearest name for one that does not exist."""
    for name in names:
        if name not in datasets:
            near = get_close_matches(name, datasets, 1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(datasets)}"
            raise SettingsError(f"unknown dataset '{name}': {hint}")
    return list(dict.fromkeys(names)) or list(datasets)


@contextmanager
def data_path(
    settings: Settings, *, accept_shrink: bool = False, now: Callable[[], datetime] = utc_now
) -> Iterator[SyncPipeline]:
    """A data path for the account of ``settings``; its connections are closed on every way out.

    Raises ``SettingsError`` or ``smsonline.errors.ConfigurationError``: each one line that names the setting.
    """
    account, endpoints, datasets = settings.account, catalogue(settings), declared(settings)
    hash_key = settings.phone_hash_key.get_secret_value()
    privacy = pii_policy(account, hash_key=hash_key, keep_messages=settings.keep_messages)
    with Client(account, catalogue=endpoints, policy=call_policy(settings), now=now) as client:
        path = SyncPipeline(client, account.user_id, settings.warehouse, privacy, datasets, endpoints, accept_shrink)
        with closing(path):
            yield path
