"""A ledger that cannot be used is reported without it: once a day, and its end once."""

from dataclasses import replace
from datetime import timedelta

from topup_fakes import POLICY, START, Inbox

from topups.ledger.companion_files import CompanionFiles
from topups.notifications.without_ledger import report_ledger

PROBLEM = "the ledger cannot be used (disk is full); free some disk space"


def test_broken_ledger_is_reported_daily_and_its_end_once(tmp_path):
    inbox, sent = Inbox(), []
    for hour in range(60):
        problem = PROBLEM if hour < 50 else ""
        files = CompanionFiles([tmp_path / "ledger"])
        if report_ledger(inbox, files, "acc", problem, POLICY, START + timedelta(hours=hour)):
            sent.append((hour, inbox.titles[-1]))
    stopped = "No payment can be requested: LEDGER_UNAVAILABLE"
    assert sent == [(0, stopped), (24, stopped), (48, stopped), (50, "Top-ups continue")]
    assert inbox.notices[0].urgent
    assert PROBLEM in inbox.notices[0].body


def test_report_nobody_took_is_sent_by_the_next_run(tmp_path):
    inbox, files = Inbox(), CompanionFiles([tmp_path / "ledger"])
    inbox.broken = True
    assert not report_ledger(inbox, files, "acc", PROBLEM, POLICY, START)
    inbox.broken = False
    assert report_ledger(inbox, files, "acc", PROBLEM, POLICY, START)


def test_mode_off_reports_no_ledger(tmp_path):
    files = CompanionFiles([tmp_path / "ledger"])
    assert not report_ledger(Inbox(), files, "acc", PROBLEM, replace(POLICY, mode="off"), START)
