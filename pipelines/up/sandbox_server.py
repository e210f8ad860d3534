"""The sandbox of ``make up SANDBOX=1`` as a process: ``python -m pipelines.up.sandbox_server PORT``."""

import sys

from smsonline.sandbox import Sandbox, run

if __name__ == "__main__":
    run(Sandbox(), int(sys.argv[1]))
