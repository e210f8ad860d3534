"""The top-up policy that the settings hold. Imports neither ledger nor client: ``smsonline status`` asks for it too."""

from __future__ import annotations

from pipelines.settings import PREFIX, Settings, SettingsError
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
