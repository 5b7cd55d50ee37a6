"""What makes two requests the same request."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

import orjson


def fingerprint(
    method: str, template: str, path_params: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes
) -> str:
    """A digest of the request: its route and parameters, and its body with keys sorted and strings exact.

    A body that is no JSON counts byte for byte.
    """
    target = orjson.dumps([method, template, sorted(path_params.items()), sorted(query)])
    return hashlib.sha256(target + b"\n" + _canonical(body)).hexdigest()


def _canonical(body: bytes) -> bytes:
    try:
        return orjson.dumps(_READER.decode(body.decode()), default=repr)
    except (ValueError, TypeError, RecursionError):
        return body


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Keys in order; a body that names one twice is refused later, so here it only must not equal another body."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(sorted(pairs))


_READER = json.JSONDecoder(parse_float=Decimal, object_pairs_hook=_pairs)
