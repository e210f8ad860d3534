"""The names that ``smsonline`` exports, and the cost of importing it."""

import subprocess
import sys

import pytest

import smsonline


@pytest.mark.parametrize("name", smsonline.__all__)
def test_exported_name_exists(name):
    assert getattr(smsonline, name) is not None


def test_unknown_name_is_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Catalogue'"):
        _ = smsonline.Catalogue


def test_import_loads_neither_httpx_nor_pandas():
    code = (
        "import sys, smsonline; print(sorted({'httpx', 'pandas', 'numpy', 'msgspec', 'starlette'} & set(sys.modules)))"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout == "[]\n"
