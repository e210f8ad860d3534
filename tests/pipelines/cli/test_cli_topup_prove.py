"""``topup prove`` works without settings and shows one payable payment where a naive sensor requests more."""


def test_proof_needs_no_settings_and_is_safe(command, home):
    result = command("topup", "prove", "--json")
    assert result.code == 0, result.err
    stories = result.document["stories"]
    assert [story["program_requests"] for story in stories] == [1, 1, 2, 1]
    assert all(story["naive_cents"] > story["program_cents"] for story in stories)
    assert all(story["most_payable"] == 1 and story["safe"] for story in stories)
    assert result.document["safe"]


def test_table_says_what_happened_and_what_was_done(command, home):
    """The cap of the day is named where it counts, and the lines fit into a page."""
    text = command("topup", "prove").out
    assert "1 request  " in text
    assert text.count("  This program ") == 4
    assert "a restored ledger: The payment is paid, " in text
    assert "  This program counts the payment that the ledger lost: no more than 200.00 USD a day.\n" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 110
