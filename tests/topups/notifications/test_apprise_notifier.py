"""Messages leave through apprise, over real HTTP; its addresses are secrets."""

import subprocess
import sys

import pytest

from topups.notifications.apprise_notifier import AppriseNotifier, public_address
from topups.notifications.rendering import Notice, qr_png


def test_apprise_sends_title_body_and_image(service):
    notifier = AppriseNotifier([service.url])
    assert notifier.send(Notice("a title", "a body", urgent=True, qr=qr_png("x")))
    (message,) = service.taken
    assert (message["title"], message["message"], message["type"]) == ("a title", "a body", "warning")
    assert len(message["attachments"]) == 1


def test_apprise_is_loaded_without_a_warning_to_anybody():
    script = (
        "from topups.notifications.apprise_notifier import AppriseNotifier; AppriseNotifier(['json://127.0.0.1:1'])"
    )
    process = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")


def test_invalid_address_is_named_by_number_and_others_used(service):
    notifier = AppriseNotifier(["nonsense-with-a-secret", service.url])
    assert notifier.problems == ["SMSONLINE_TOPUP_NOTIFY: address number 1 is none that apprise understands"]
    assert notifier.send(Notice("t", "b"))
    assert len(service.taken) == 1


def test_nobody_is_configured_so_nobody_took_it():
    assert not AppriseNotifier([]).send(Notice("t", "b"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("json://user:secret@example.org:8080/secret?secret=1", "json://example.org"),
        ("mailtos://me:secret@example.org?to=secret", "mailtos://example.org"),
        ("tgram://secret/secret", "tgram://"),
        ("ntfys://secret", "ntfys://"),
        ("discord://secret/secret", "discord://"),
        ("secret", "(not an address)"),
        ("json://[secret", "json://"),
        ("secret-secret-secret-secret://x", "(not an address)"),
    ],
)
def test_of_an_address_no_secret_is_shown(url, shown):
    assert public_address(url) == shown


def test_failing_service_does_not_repeat_notices_to_others(service):
    down = "json://127.0.0.1:1"
    assert AppriseNotifier([down, service.url]).send(Notice("a title", "a body"))
    assert len(service.taken) == 1
    assert not AppriseNotifier([down]).send(Notice("a title", "a body"))
