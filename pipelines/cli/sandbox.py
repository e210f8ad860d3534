"""``smsonline sandbox``."""

from typing import Literal

from pipelines.cli.console import MISCONFIGURED, exit_with_error, print_stderr
from smsonline.sandbox import Sandbox, parse_fault, run


def run_sandbox(port: int, seed: int, scale: Literal["small", "large"], faults: list[str]) -> None:
    """Serves until interrupted and prints the settings for a sync from it."""
    vendor = Sandbox(seed=seed, scale=scale)
    try:
        for text in faults:
            fault = parse_fault(text)
            vendor.faults.add(fault.endpoint, f"{fault.kind}={fault.value}" if fault.value else fault.kind, fault.times)
    except ValueError as error:
        exit_with_error(str(error), MISCONFIGURED)
    print_stderr(f"sandbox on http://127.0.0.1:{port}; sync from it with")
    print_stderr(
        f"  export SMSONLINE_BASE_URL=http://127.0.0.1:{port}/v3 SMSONLINE_V2_BASE_URL=http://127.0.0.1:{port}/cs"
    )
    print_stderr(f"  export SMSONLINE_USER_ID={vendor.user_id} SMSONLINE_API_KEY={vendor.api_key}")
    try:
        run(vendor, port)
    except OSError as error:
        exit_with_error(f"port {port} cannot be used: {error.strerror}; choose another with --port", MISCONFIGURED)
