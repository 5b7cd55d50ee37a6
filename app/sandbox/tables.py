"""Documents in memory, found by what is in them: as much of MongoDB's query language as the simulators speak."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, product
from typing import Any

Document = dict[str, Any]
Query = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]

BY_ID: Sort = (("_id", 1),)

_TESTS: Mapping[str, Callable[[Sequence[Any], Any], bool]] = {
    "$in": lambda values, wanted: any(value in wanted for value in values),
    "$nin": lambda values, unwanted: not any(value in unwanted for value in values),
    "$all": lambda values, wanted: all(each in values for each in wanted),
    "$eq": lambda values, wanted: wanted in values,
    "$ne": lambda values, unwanted: unwanted not in values,
    "$gt": lambda values, bound: any(value is not None and value > bound for value in values),
    "$gte": lambda values, bound: any(value is not None and value >= bound for value in values),
    "$lt": lambda values, bound: any(value is not None and value < bound for value in values),
    "$lte": lambda values, bound: any(value is not None and value <= bound for value in values),
}


class Table:
    """One collection. A document is kept as the bytes it is stored as, so nobody changes what another has read.

    An index is named by its fields, joined by ``+``; it finds what equals all of them. What is known of a document
    without reading it is what its indexes name.
    """

    def __init__(self, indexes: Iterable[str], read: Callable[[bytes], Document]) -> None:
        self._read = read
        self._kept: dict[Any, bytes] = {}
        self._indexes = [_Index(index.split("+")) for index in indexes]
        self._fields = tuple({field for index in self._indexes for field in index.fields})
        self._known: dict[Any, dict[str, Sequence[Any]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keys(self) -> list[Any]:
        return list(self._kept)

    def raw(self, key: Any) -> bytes | None:
        """The document as it is stored."""
        return self._kept.get(key)

    def get(self, key: Any) -> Document | None:
        kept = self._kept.get(key)
        return None if kept is None else self._read(kept)

    def put(self, document: Document, raw: bytes) -> None:
        """Keep the document, in place of the one with its ``_id`` if there is one."""
        key = document["_id"]
        if key in self._kept:
            self.remove(key)
        known = {field: values_at(document, field) for field in self._fields}
        self._kept[key], self._known[key] = raw, known
        for index in self._indexes:
            index.add(key, known)

    def remove(self, key: Any) -> None:
        del self._kept[key]
        known = self._known.pop(key)
        for index in self._indexes:
            index.remove(key, known)

    def find(self, query: Query, *, sort: Sort = BY_ID, skip: int = 0, limit: int | None = None) -> list[Document]:
        """What fits, in that order."""
        fitting = self._sorted(query, sort)
        end = None if limit is None else skip + limit
        return [self._read(self._kept[key]) for key in islice(fitting, skip, end)]

    def matching(self, query: Query) -> list[Any]:
        """The ids of what fits, in no order."""
        return [key for key in self._candidates(query) if self._fits(key, query)]

    def _sorted(self, query: Query, sort: Sort) -> Iterator[Any]:
        if len(sort) == 1 and sort[0][0] == "_id":  # what nobody asks for need not be looked at
            candidates = sorted(self._candidates(query), reverse=sort[0][1] < 0)
            yield from (key for key in candidates if self._fits(key, query))
            return
        fitting = self.matching(query)
        for field, direction in reversed(sort):
            fitting.sort(key=partial(self._first_value, field), reverse=direction < 0)
        yield from fitting

    def _first_value(self, field: str, key: Any) -> Any:
        return self._values(key, field)[0]

    def _candidates(self, query: Query) -> Sequence[Any]:
        named = _wanted(query["_id"]) if "_id" in query else None
        if named is not None:
            return [key for key in dict.fromkeys(named) if key in self._kept]
        found = [index.candidates(query) for index in self._indexes if index.answers(query)]
        return min(found, key=len) if found else list(self._kept)

    def _fits(self, key: Any, query: Query) -> bool:
        return all(
            any(self._fits(key, each) for each in condition)
            if field == "$or"
            else _meets(self._values(key, field), condition)
            for field, condition in query.items()
        )

    def _values(self, key: Any, field: str) -> Sequence[Any]:
        if field == "_id":
            return (key,)
        known = self._known[key].get(field)
        return values_at(self._read(self._kept[key]), field) if known is None else known


class _Index:
    """Which documents have which values in some fields together."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = fields
        self._keys: defaultdict[tuple[Any, ...], dict[Any, None]] = defaultdict(dict)

    def add(self, key: Any, known: Mapping[str, Sequence[Any]]) -> None:
        for values in product(*(known[field] for field in self.fields)):
            self._keys[values][key] = None

    def remove(self, key: Any, known: Mapping[str, Sequence[Any]]) -> None:
        for values in set(product(*(known[field] for field in self.fields))):
            del self._keys[values][key]
            if not self._keys[values]:
                del self._keys[values]

    def answers(self, query: Query) -> bool:
        return all(field in query and _wanted(query[field]) is not None for field in self.fields)

    def candidates(self, query: Query) -> list[Any]:
        wanted = product(*(_wanted(query[field]) or () for field in self.fields))
        return list(dict.fromkeys(key for values in wanted for key in self._keys.get(values, ())))


def values_at(document: Document, path: str) -> Sequence[Any]:
    """What is there, each element of a list for itself; nothing is None."""
    found: list[Any] = [document]
    for name in path.split("."):
        parents = _flat(found)
        found = [each[name] for each in parents if isinstance(each, dict) and name in each]
    return _flat(found) or (None,)


def updated(document: Document, update: Query) -> Document:
    """The document after ``$set`` and ``$inc``; the fields stand at its top."""
    added = {name: document.get(name, 0) + number for name, number in update.get("$inc", {}).items()}
    return {**document, **update.get("$set", {}), **added}


def _flat(values: Iterable[Any]) -> list[Any]:
    return [each for value in values for each in (value if isinstance(value, list) else [value])]


def _wanted(condition: Any) -> Sequence[Any] | None:
    """The values that would do, if the condition names them."""
    if not isinstance(condition, Mapping):
        return [condition]
    named: Sequence[Any] | None = condition.get("$in") or condition.get("$all")
    return named


def _meets(values: Sequence[Any], condition: Any) -> bool:
    if not isinstance(condition, Mapping):
        return condition in values
    return all(_TESTS[name](values, given) for name, given in condition.items())
