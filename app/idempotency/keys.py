"""The Idempotency-Key header: plain text, or the quoted string of RFC 8941 that the IETF draft asks for."""

import re

from app.errors import IdempotencyKeyMalformed

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"', re.ASCII)
_ESCAPED = re.compile(r'\\(["\\])')


def parse_key(header: str) -> str:
    """The key that a header value carries; ``k`` and ``"k"`` are the same key.

    Raises IdempotencyKeyMalformed unless it is 1 to 255 visible ASCII characters.
    """
    quoted = _QUOTED.fullmatch(header)
    key = _ESCAPED.sub(r"\1", quoted[1]) if quoted else header
    if not _VISIBLE.fullmatch(key):
        raise IdempotencyKeyMalformed
    return key
