"""Masks the API key in texts, bodies and log lines.

The vendor takes the key in the URL of every read and in the body of other calls, so it would appear in log lines of the
HTTP library, in exception texts and in responses that echo the request.
"""

import json
import logging
import re
from collections.abc import Iterable
from threading import Lock
from urllib.parse import quote, quote_plus, unquote_plus

MASK = "***"
# Shorter secrets occur in ordinary words and numbers: they are masked as whole words, or by their field's name only.
MIN_SUBSTRING_LENGTH = 8
MIN_WORD_LENGTH = 4

SECRET_FIELD_PATTERNS = (
    re.compile(r"""((?:api[_-]?|[?&])key=)[^&\s"'<>#\\]+""", re.IGNORECASE),
    re.compile(r"""(api[_-]?key%3D)(?:(?!%26)[^&\s"'<>#\\])+""", re.IGNORECASE),
    re.compile(r"""(\\*["']api[_-]?key\\*["']\s*:\s*)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\"[^"]*\\"|\d+)""", re.I),
)
SECRET_FIELD_BYTES = re.compile(rb"""("api[_-]?key"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|\d+)""", re.IGNORECASE)


class SecretMasker:
    """Masks the given secrets in every encoding, and the value of any field named like an API key."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first, so that a shorter form does not leave a longer one half masked.
        forms = sorted({form for secret in secrets if secret for form in encoded_forms(secret)}, key=len, reverse=True)
        self._substrings = [form for form in forms if len(form) >= MIN_SUBSTRING_LENGTH]
        self._word_patterns = [
            re.compile(rf"(?<![0-9A-Za-z]){re.escape(form)}(?![0-9A-Za-z])")
            for form in forms
            if MIN_WORD_LENGTH <= len(form) < MIN_SUBSTRING_LENGTH
        ]

    def mask_text(self, text: str) -> str:
        """``text`` without secrets: an exception's text, a log line, a URL."""
        for form in self._substrings:
            text = text.replace(form, MASK)
        for pattern in self._word_patterns:
            text = pattern.sub(MASK, text)
        # Field patterns come last: they mask up to a separator and would leave the rest of a key that contains one.
        for pattern in SECRET_FIELD_PATTERNS:
            text = pattern.sub(rf"\1{MASK}", text)
        return text

    def mask_url(self, url: object) -> str:
        """A URL (text or an object whose ``str`` is one) without secrets in path, query or user info."""
        return self.mask_text(re.sub(r"(?<=://)[^/?#@\s]+@", f"{MASK}@", str(url)))

    def mask_bytes(self, data: bytes) -> bytes:
        """A body without secrets; the same object when there are none. JSON stays JSON for a key that is text."""
        for form in self._substrings:
            data = data.replace(form.encode(), MASK.encode())
        for pattern in self._word_patterns:
            data = re.sub(pattern.pattern.encode(), MASK.encode(), data)
        if b'key"' in data.lower():  # several times faster than the pattern
            data = SECRET_FIELD_BYTES.sub(rb'\1"' + MASK.encode() + b'"', data)
        return data


def encoded_forms(secret: str) -> set[str]:
    """The encodings of a secret in URLs, JSON and byte literals."""
    percent = {quote(secret, safe=""), quote(secret), quote_plus(secret), quote(secret, safe="!$'()*+,;:@/")}
    percent |= {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in percent}
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    in_json |= {form.replace("/", "\\/") for form in in_json}
    # Serialisers made for web pages escape every character that is special in HTML.
    hexadecimal = "".join(char if char.isalnum() and char.isascii() else f"\\u{ord(char):04x}" for char in secret)
    in_json |= {hexadecimal, re.sub(r"\\u....", lambda match: "\\u" + match[0][2:].upper(), hexadecimal)}
    literal = {repr(secret)[1:-1], repr(secret.encode())[2:-1]}
    return {secret, unquote_plus(secret)} | percent | {quote(form, safe="") for form in percent} | in_json | literal


class SecretMaskingFilter(logging.Filter):
    """Masks log records before any handler sees them; for the loggers of libraries that print URLs and headers."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: frozenset[str] = frozenset()
        self._masker = SecretMasker()
        self._lock = Lock()

    def add(self, secret: str) -> None:
        """Masks this secret too, until the process ends: log lines may follow after its client was closed."""
        with self._lock:
            if secret not in self._secrets:
                self._secrets |= {secret}
                self._masker = SecretMasker(self._secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns True for every record, after masking its message, exception and stack."""
        mask = self._masker.mask_text
        record.msg, record.args = mask(record.getMessage()), ()
        if record.exc_info:
            # Handlers would format the exception itself, including the key; they get its masked text instead.
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = mask(record.stack_info)
        return True


LOG_FILTER = SecretMaskingFilter()


def mask_secrets_in_logs(secret: str, roots: tuple[str, ...]) -> None:
    """Masks ``secret`` in these top-level loggers and their existing children. Idempotent."""
    LOG_FILTER.add(secret)
    children = (name for name in logging.root.manager.loggerDict if name.partition(".")[0] in roots)
    for name in {*roots, *children}:
        logging.getLogger(name).addFilter(LOG_FILTER)
