"""``smsonline topup prove``: the program beside a simple script, on a local sandbox, in four stories."""

import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.cli.console import FAILED, exit_on_topup_error, print_json, print_table
from pipelines.proof.stories import StoryResult, tell_stories
from topups.money import usd

COLUMNS = (
    *(
        "story",
        "script: requests",
        "script: would have paid",
        "this program: requests",
        "this program: would have paid",
    ),
)


def run_prove(*, as_json: bool) -> None:
    """Prints the table and a verdict; exits 1 if this program did not keep its promise."""
    with exit_on_topup_error(as_json=as_json), TemporaryDirectory() as folder:
        logging.getLogger("smsonline").setLevel(logging.ERROR)  # the lost responses of the stories are no news
        results = tell_stories(Path(folder))
    kept = all(result.kept for result in results)
    if as_json:
        print_json({"kept": kept, "verdict": verdict(results), "stories": [result.as_json() for result in results]})
    else:
        rows = [
            [r.story, r.naive_requests, usd(r.naive_cents), r.program_requests, usd(r.program_cents)] for r in results
        ]
        print_table("top-ups on a local sandbox", COLUMNS, rows, right=COLUMNS[1:])
        sys.stdout.write("".join(f"{result.story}: {result.sentence}\n" for result in results))
        sys.stdout.write(f"\n{verdict(results)}\n")
    if not kept:
        sys.exit(FAILED)


def verdict(results: list[StoryResult]) -> str:
    """One sentence about all stories."""
    broken = [result.story for result in results if not result.kept]
    if broken:
        return f"NOT KEPT: more than one payable payment, or more than the cap of the day, in: {', '.join(broken)}"
    extra = sum(result.naive_cents - result.program_cents for result in results)
    return f"kept: never more than one payable payment, no cap exceeded; the script would have paid {usd(extra)} more"
