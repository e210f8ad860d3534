"""A local server that simulates the vendor's API, to try and test the pipeline without an account or the network."""

from smsonline.sandbox.app import Sandbox
from smsonline.sandbox.faults import KINDS, Fault, parse_fault
from smsonline.sandbox.http.server import SandboxAddress, run, serve

__all__ = ["KINDS", "Fault", "Sandbox", "SandboxAddress", "parse_fault", "run", "serve"]
