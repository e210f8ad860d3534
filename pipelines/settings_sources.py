"""Where settings come from: the settings file and the environment, and what is wrong with either as a whole."""

import os
import pwd
import shlex
import stat
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

PREFIX = "SMSONLINE_"
CONFIG_VARIABLE = "SMSONLINE_CONFIG"
DEFAULT_CONFIG = Path("smsonline.toml")
UTF_16_AND_32_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")


class SettingsError(Exception):
    """A setting is missing or malformed; ``str()`` is one line that names it."""


def expand_home(path: Path) -> Path:
    """``~`` and ``~user`` at the start become home folders. Raises ``SettingsError`` for an unknown user."""
    text = str(path)
    if not text.startswith("~"):
        return path
    user, slash, rest = text[1:].partition("/")
    if not user and not os.environ.get("HOME", "unset").strip():  # empty, as compose makes it
        with suppress(KeyError):
            user = pwd.getpwuid(os.getuid()).pw_name
    expanded = os.path.expanduser(f"~{user}{slash}{rest}")  # noqa: PTH111 - pathlib raises without saying for whom
    if expanded.startswith("~"):
        raise SettingsError(f"{path}: there is no home folder of {user or 'this user'}; write the whole path")
    return Path(expanded)


def config_file() -> Path:
    """The settings file in force: ``$SMSONLINE_CONFIG``, or ``smsonline.toml`` in the working folder."""
    named = os.environ.get(CONFIG_VARIABLE, "").strip()
    return expand_home(Path(named)) if named else DEFAULT_CONFIG


def read_config_file() -> dict[str, Any]:
    """The values of the settings file, none without one. Raises ``SettingsError`` for a file that cannot be read."""
    path = config_file()
    if not path.exists():
        if path != DEFAULT_CONFIG:
            raise SettingsError(f"{CONFIG_VARIABLE} names {path}, which does not exist")
        return {}
    try:
        content = path.read_bytes()
        if content.startswith(UTF_16_AND_32_MARKS) or b"\0" in content:
            raise SettingsError(f"{path} is not UTF-8 text but UTF-16 or binary: save it as UTF-8")
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path} is not UTF-8 text (line {line}): save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None


def permission_warning(secrets: Iterable[str]) -> str:
    """One line when others can read the settings file and it holds one of ``secrets``, otherwise nothing."""
    path = config_file()
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    names = [name for name in secrets if mode & (stat.S_IRGRP | stat.S_IROTH) and stat.S_ISREG(mode)]
    if not names:
        return ""
    return f"{path} holds {', '.join(names)} and others can read it: chmod 600 {shlex.quote(str(path))}"


def set_variables() -> dict[str, str]:
    """The environment's ``SMSONLINE_*`` variables by their name in capitals; an empty one counts as not set."""
    return {
        name.upper(): value for name, value in os.environ.items() if name.upper().startswith(PREFIX) and value.strip()
    }
