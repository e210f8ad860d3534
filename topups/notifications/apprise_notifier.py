"""Sends notices through any service that apprise knows."""

import warnings
from collections.abc import Sequence

from topups.notifications.rendering import Notice


class AppriseNotifier:
    """Sends through apprise to the services behind the given URLs, which hold secrets and are never shown."""

    def __init__(self, urls: Sequence[str]) -> None:
        # The first address loads all plugins; some import what Python deprecates.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import apprise  # slow to import, and needed for sending only

            self._services = [apprise.Apprise() for _ in urls]
            for number, (service, url) in enumerate(zip(self._services, urls, strict=True), start=1):
                if not service.add(url):
                    line = f"SMSONLINE_TOPUP_NOTIFY: address number {number} is none that apprise understands"
                    raise ValueError(line)

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
