"""Keeps the API key out of texts, bodies and log lines.

The vendor takes the key in the URL of every read call and in the body of the rest, so it would surface in log lines of
the HTTP library, in exception texts and in answers that echo the request.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from threading import Lock
from urllib.parse import quote, quote_plus, unquote_plus

MASK = "***"
# Shorter secrets occur in ordinary words and numbers: only the name of the field gives them away.
SHORTEST_ANYWHERE = 8
SHORTEST_AS_A_WORD = 4

BY_NAME = (
    re.compile(r"""((?:api[_-]?|[?&])key=)[^&\s"'<>#\\]+""", re.IGNORECASE),
    re.compile(r"""(api[_-]?key%3D)(?:(?!%26)[^&\s"'<>#\\])+""", re.IGNORECASE),
    re.compile(r"""(\\*["']api[_-]?key\\*["']\s*:\s*)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\"[^"]*\\"|\d+)""", re.I),
)
FIELD_BY_NAME = re.compile(rb"""("api[_-]?key"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|\d+)""", re.IGNORECASE)


class Redactor:
    """Masks the given secrets, however they are encoded, and whatever stands in a field named like an API key."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first, so that no form is left half masked by a shorter one.
        forms = sorted({form for secret in secrets if secret for form in spellings(secret)}, key=len, reverse=True)
        self._anywhere = [form for form in forms if len(form) >= SHORTEST_ANYWHERE]
        self._as_a_word = [
            re.compile(rf"(?<![0-9A-Za-z]){re.escape(form)}(?![0-9A-Za-z])")
            for form in forms
            if SHORTEST_AS_A_WORD <= len(form) < SHORTEST_ANYWHERE
        ]

    def text(self, text: str) -> str:
        """``text`` without secrets: an exception's text, a log line, a URL."""
        for form in self._anywhere:
            text = text.replace(form, MASK)
        # Names come last: they mask up to a separator, and the rest of a key with one in it would stay.
        for pattern in self._as_a_word:
            text = pattern.sub(MASK, text)
        for pattern in BY_NAME:
            text = pattern.sub(rf"\1{MASK}", text)
        return text

    def url(self, url: object) -> str:
        """A URL (text or an object whose ``str`` is one) without secrets in path, query or user part."""
        return self.text(re.sub(r"(?<=://)[^/?#@\s]+@", f"{MASK}@", str(url)))

    def data(self, data: bytes) -> bytes:
        """A body without secrets; the same object when there are none. JSON stays JSON for a key that is text."""
        for form in self._anywhere:
            data = data.replace(form.encode(), MASK.encode())
        for pattern in self._as_a_word:
            data = re.sub(pattern.pattern.encode(), MASK.encode(), data)
        if b'key"' in data.lower():  # several times faster than letting the pattern look
            data = FIELD_BY_NAME.sub(rb'\1"' + MASK.encode() + b'"', data)
        return data


def spellings(secret: str) -> set[str]:
    """The ways a secret is written in URLs, JSON and byte literals."""
    percent = {quote(secret, safe=""), quote(secret), quote_plus(secret), quote(secret, safe="!$'()*+,;:@/")}
    percent |= {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in percent}
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    in_json |= {form.replace("/", "\\/") for form in in_json}
    # Serialisers made for web pages escape every sign that HTML knows.
    hexadecimal = "".join(sign if sign.isalnum() and sign.isascii() else f"\\u{ord(sign):04x}" for sign in secret)
    in_json |= {hexadecimal, re.sub(r"\\u....", lambda match: "\\u" + match[0][2:].upper(), hexadecimal)}
    literal = {repr(secret)[1:-1], repr(secret.encode())[2:-1]}
    return {secret, unquote_plus(secret)} | percent | {quote(form, safe="") for form in percent} | in_json | literal


class RedactingFilter(logging.Filter):
    """Rewrites records before any handler sees them; for the loggers of libraries that print URLs and headers."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: frozenset[str] = frozenset()
        self._redactor = Redactor()
        self._adding = Lock()

    def add(self, secret: str) -> None:
        """Masks this secret too, for the rest of the process: a log line may come after its client is gone."""
        with self._adding:
            if secret not in self._secrets:
                self._secrets |= {secret}
                self._redactor = Redactor(self._secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets the record pass, with its message, exception and stack masked."""
        redact = self._redactor.text
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info:
            # Handlers would format the live exception, key and all; its text is all they get.
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


LOG_FILTER = RedactingFilter()


def guard_loggers(secret: str, roots: Iterable[str]) -> None:
    """Masks ``secret`` in what these loggers and their present children print. Calling it again changes nothing."""
    LOG_FILTER.add(secret)
    prefixes = tuple(roots)
    known = [
        name for name in logging.root.manager.loggerDict if name.startswith(tuple(f"{root}." for root in prefixes))
    ]
    for name in (*prefixes, *known):
        logging.getLogger(name).addFilter(LOG_FILTER)
