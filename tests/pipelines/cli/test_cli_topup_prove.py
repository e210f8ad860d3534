"""``topup prove`` works without settings and shows one payable payment where a simple script requests more."""


def test_proof_needs_no_settings_and_is_safe(command, home):
    result = command("topup", "prove", "--json")
    assert result.code == 0, result.err
    stories = result.document["stories"]
    assert [story["program_requests"] for story in stories] == [1, 1, 2, 1]
    assert all(story["naive_cents"] > story["program_cents"] for story in stories)
    assert all(story["most_payable"] == 1 and story["safe"] for story in stories)
    assert result.document["safe"]
