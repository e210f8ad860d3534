"""A local server that acts the vendor, to try and to test the pipeline without an account or the network."""

from smsonline.sandbox.app import Sandbox
from smsonline.sandbox.faults.kinds import KINDS, Fault, parse_fault
from smsonline.sandbox.http.server import Address, run, serve

__all__ = ["KINDS", "Address", "Fault", "Sandbox", "parse_fault", "run", "serve"]
