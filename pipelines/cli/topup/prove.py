"""``smsonline topup prove``: the program beside a naive sensor, on a local sandbox, in four stories."""

import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.cli.console import FAILED, exit_on_topup_error, print_json, print_table
from pipelines.proof.stories import StoryResult, tell_stories
from topups.money import usd

COLUMNS = ("accident", "naive sensor", "would have paid", "this program", "would have paid")


def run_prove(*, as_json: bool) -> None:
    """Prints the table and a conclusion; exits 1 if this program did not keep its promise."""
    with exit_on_topup_error(as_json=as_json), TemporaryDirectory() as folder:
        logging.getLogger("smsonline").setLevel(logging.ERROR)  # the lost responses of the stories are no news
        results = tell_stories(Path(folder))
    safe = all(result.is_safe for result in results)
    if as_json:
        print_json(
            {"safe": safe, "conclusion": conclusion(results), "stories": [result.as_json() for result in results]}
        )
    else:
        rows = [
            [
                r.story,
                requests(r.naive_requests),
                usd(r.naive_cents),
                requests(r.program_requests),
                usd(r.program_cents),
            ]
            for r in results
        ]
        print_table("top-ups on a local sandbox", COLUMNS, rows, right=COLUMNS[1:])
        sys.stdout.write("".join(f"{r.story}: {r.sentence}\n  {r.response}\n" for r in results))
        sys.stdout.write(f"\n{conclusion(results)}\n")
    if not safe:
        sys.exit(FAILED)


def requests(number: int) -> str:
    """The number with its unit."""
    return f"{number} request" if number == 1 else f"{number} requests"


def conclusion(results: list[StoryResult]) -> str:
    """One sentence about all stories."""
    broken = [result.story for result in results if not result.is_safe]
    if broken:
        return f"NOT KEPT: more than one payable payment, or more than the cap of the day, in: {', '.join(broken)}"
    extra = sum(result.naive_cents - result.program_cents for result in results)
    promise = "kept: never more than one payable payment, no cap exceeded"
    return f"{promise}; the naive sensor would have paid {usd(extra)} more"
