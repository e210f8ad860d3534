"""CPU seconds from the body of a response to checked Arrow rows: ``python -m bench.normalise``.

The response is the benchmark's 100,000 rows of statistics. Prints the best of the repeats, and decoding's share of it.
"""

import sys
import time
from collections.abc import Callable

from assets.datasets import DATASETS
from assets.normalise import ParsedResponse, extract_records, normalise
from bench.vendor_rows import STATISTICS_ROWS, bodies
from smsonline.json_decoding import decode

REPEATS = 7


def best_cpu_seconds(work: Callable[[], object]) -> float:
    """The least CPU time of the repeats."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main() -> None:
    """Prints one line."""
    dataset = DATASETS["statistics"]
    body = bodies()["/first/statistics/bench"]

    def body_to_rows() -> None:
        records = extract_records(decode(body), dataset, "body")
        result = normalise(dataset, [ParsedResponse("", "response", {}, records)], "")
        assert (result.rows.num_rows, len(result.rejects)) == (STATISTICS_ROWS, 0)

    total, decoding = best_cpu_seconds(body_to_rows), best_cpu_seconds(lambda: decode(body))
    sys.stdout.write(f"{STATISTICS_ROWS} rows: {total:.3f} s CPU, of which decoding {decoding:.3f} s\n")


if __name__ == "__main__":
    main()
