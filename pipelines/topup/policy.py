"""The top-up policy that the settings hold. Imports neither ledger nor client: ``smsonline status`` asks for it too."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Mapping

from pipelines.settings import PREFIX, Settings, SettingsError
from topups.kill_switch import KILL_VARIABLE
from topups.policy import Policy, policy_from

OWN_SETTINGS = (
    *("mode", "threshold_cents", "target_cents", "amount_min_cents", "amount_max_cents"),
    *("cap_day_cents", "cap_week_cents", "cap_month_cents", "rail", "currency", "network"),
)


def policy_of(settings: Settings) -> Policy:
    """The policy in force. Limits may be missing: then it refuses every payment and names them.

    Raises ``SettingsError`` for an entry of ``[topup]`` that fits nothing.
    """
    for name in OWN_SETTINGS:
        if name in settings.topup:
            raise SettingsError(f"topup.{name}: write topup_{name} instead, or {PREFIX}TOPUP_{name.upper()}")
    own = {name: getattr(settings, f"topup_{name}") for name in OWN_SETTINGS}
    try:
        return policy_from(settings.topup, Policy(**own))
    except ValueError as error:
        raise SettingsError(f"topup.{error}") from None


def kill_environment(settings: Settings) -> Mapping[str, str]:
    """Where the kill switch is looked for: the environment, anew at each look, then the settings' file."""
    return ChainMap[str, str](os.environ, {KILL_VARIABLE: str(settings.topup_kill)})
