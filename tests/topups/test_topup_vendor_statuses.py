"""The vendor's words for the state of a payment, in spellings and words that are not documented."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from topup_fakes import START

from topups.policy import policy_from
from topups.vendor.setting_proposals import OTHER_WORDS, status_line, zone_name
from topups.vendor.statuses import ALL_STATUSES, is_payable_or_pending, parse_status, status_mapping

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("PAID", "paid"),
        (" Paid_Over\n", "paid_over"),
        ("Confirm-Check", "confirm_check"),
        ("wrong amount", "wrong_amount"),
    ],
)
def test_a_status_in_another_spelling_is_the_status(text, status):
    assert parse_status(text, {}) == status


@pytest.mark.parametrize("text", ["COMPLETED", "completed", " Completed "])
def test_a_mapped_word_is_its_status(text):
    assert parse_status(text, policy_from({"statuses": {"Completed": "PAID"}}).statuses) == "paid"


def test_an_unknown_word_stays_cleaned_and_short():
    assert parse_status("On  Hold", {}) == "on_hold"
    assert len(parse_status("x" * 500, {})) == 64
    assert parse_status("", {}) == ""


def test_a_mapping_to_no_status_names_the_nearest():
    with pytest.raises(ValueError, match=r"statuses: completed = 'payed': .* did you mean paid\?"):
        policy_from({"statuses": {"completed": "payed"}})


def test_a_documented_word_keeps_its_meaning():
    assert status_mapping({"PAID": "paid"}) == {"paid": "paid"}
    with pytest.raises(ValueError, match="check is a documented status"):
        policy_from({"statuses": {"Check": "paid"}})


@pytest.mark.parametrize("status", ["check", "succeeded", ""])
def test_a_row_without_an_end_blocks_for_three_days(status):
    assert is_payable_or_pending(status, None, START + 3 * DAY - HOUR, since=START)
    assert not is_payable_or_pending(status, None, START + 3 * DAY, since=START)


def test_an_unknown_word_blocks_until_a_day_after_its_end():
    assert is_payable_or_pending("succeeded", START, START + DAY - HOUR)
    assert not is_payable_or_pending("succeeded", START, START + DAY)


@pytest.mark.parametrize("status", ["process", "confirm_check", "wrong_amount_waiting", "locked"])
def test_money_on_its_way_blocks_without_a_time_limit(status):
    assert is_payable_or_pending(status, START, START + 300 * DAY, since=START)
    assert status in ALL_STATUSES


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("completed", '"completed" = "paid"'),
        ("cancelled", '"cancelled" = "cancel"'),
        ("confirm_checks", '"confirm_checks" = "confirm_check"'),
        ("blue", '"blue" = "..."'),
    ],
)
def test_the_line_for_an_unknown_status_guesses_its_meaning(status, line):
    assert status_line(status) == line


@pytest.mark.parametrize(
    ("configured", "hours", "name"),
    [
        *(("UTC", -5, "Etc/GMT+5"), ("UTC", 3, "Etc/GMT-3"), ("UTC", 5.5, "Asia/Kolkata"), ("UTC", 14, "Etc/GMT-14")),
        *(("Etc/GMT-3", -3, "UTC"), ("Europe/Berlin", 2, "Etc/GMT-3"), ("UTC", 5.25, "")),
    ],
)
def test_the_zone_to_set_has_the_measured_offset(configured, hours, name):
    assert zone_name(configured, hours * HOUR, START) == name
    if name:
        moved = ZoneInfo(name).utcoffset(START) - ZoneInfo(configured).utcoffset(START)
        assert moved == hours * HOUR


def test_every_guess_is_a_documented_status():
    assert set(OTHER_WORDS.values()) <= ALL_STATUSES
    assert not OTHER_WORDS.keys() & ALL_STATUSES
