"""A process of ``make up``, which ends with the process that started it.

``python -m pipelines.up.child PARENT MODULE ARGUMENTS`` does what ``python -m MODULE ARGUMENTS`` does. The runs are
processes that the code server makes with multiprocessing, which imports this module first: they end with the code
server, and that with ``make up``. So nothing outlives ``kill -9``. A process asks for its parent twice a second, which
works on Linux and macOS alike; ``PR_SET_PDEATHSIG`` is Linux only and does not reach the processes of a process.
"""

import os
import runpy
import signal
import sys
import threading
import time

from pipelines.up.home_locks import mark_home_in_use

INTERVAL_SECONDS = 0.5


def end_with_parent(parent: int) -> None:
    """Kills this process as soon as its parent is no longer the process ``parent``."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(INTERVAL_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    mark_home_in_use()
    sys.argv = sys.argv[2:]
    # Of the program's main module multiprocessing takes the name: that has to stay this module's.
    runpy.run_module(sys.argv[0], run_name="__main__")
elif __name__ == "__mp_main__":
    end_with_parent(os.getppid())
    mark_home_in_use()
