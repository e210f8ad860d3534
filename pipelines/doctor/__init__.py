"""Finds out which assumptions about the vendor hold for an account, and what to set where they do not."""

from pipelines.doctor.diagnosis import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
