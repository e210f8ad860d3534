"""The analytical views, one SQL file each in ``warehouse/marts``, headed by its documentation."""

from __future__ import annotations

from importlib import resources


def mart_statements() -> list[str]:
    """``CREATE OR REPLACE VIEW marts.<file name>`` for every file, in name order."""
    folder = resources.files("warehouse").joinpath("marts")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [f'CREATE OR REPLACE VIEW marts."{file.name[:-4]}" AS {file.read_text("utf-8")}' for file in files]
