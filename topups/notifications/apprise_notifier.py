"""Sends notices through any service that apprise knows."""

import warnings
from collections.abc import Sequence
from urllib.parse import urlsplit

from topups.notifications.rendering import Notice

# Where the host of an address is the name of a computer. Elsewhere a token, a secret, is in its place.
SCHEMES_WITH_HOST = frozenset(
    f"{scheme}{secure}"
    for scheme in ("json", "xml", "form", "apprise", "gotify", "mailto", "hassio", "mmost", "rocket", "nctalk")
    for secure in ("", "s")
)


class AppriseNotifier:
    """Sends through apprise to the services behind the given URLs, which hold secrets and are never shown.

    ``problems`` has one line per address that apprise does not understand; the other addresses are used.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        # The first address loads all plugins; some import what Python deprecates.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import apprise  # slow to import, and needed for sending only

            added = [(service, service.add(url)) for service, url in ((apprise.Apprise(), url) for url in urls)]
        self._services = [service for service, is_understood in added if is_understood]
        self.problems = [
            f"SMSONLINE_TOPUP_NOTIFY: address number {number} is none that apprise understands"
            for number, (_, is_understood) in enumerate(added, start=1)
            if not is_understood
        ]

    def send(self, notice: Notice) -> bool:
        """Whether one service accepted it. If all had to, one that is down would make the others get it again and
        again.
        """
        import apprise
        from apprise.attachment.memory import AttachMemory

        kind = apprise.NotifyType.WARNING if notice.urgent else apprise.NotifyType.INFO
        attachment = None
        if notice.qr:
            attachment = [AttachMemory(content=notice.qr, name="payment.png", mimetype="image/png")]  # type: ignore[no-untyped-call]
        results = [
            service.notify(body=notice.body, title=notice.title, notify_type=kind, attach=attachment)
            for service in self._services
        ]
        return any(results)


def public_address(url: str) -> str:
    """Scheme and host of an address, or its scheme alone where the host could be a secret."""
    scheme, separator, _ = url.strip().partition("://")
    scheme = scheme.lower()
    try:
        host = urlsplit(url.strip()).hostname or ""
    except ValueError:
        host = ""
    if not separator or not scheme.isalnum() or len(scheme) > 16:
        return "(not an address)"
    return f"{scheme}://{host}" if scheme in SCHEMES_WITH_HOST and host else f"{scheme}://"
