"""Values: dataclasses that never change once they are made.

The type checker holds everybody to that. At run time a frozen dataclass pays for every field at every birth, four times
what a plain one does, and the standard library's ``replace`` as much again; for each change dozens go through the door.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:
    from dataclasses import dataclass as _dataclass
    from dataclasses import fields
    from functools import cache
    from operator import attrgetter

    def dataclass(*, frozen: bool, slots: bool, eq: bool = True) -> Any:
        """As the standard library's, but that at run time ``frozen`` gives no more than a hash."""
        return _dataclass(slots=slots, eq=eq, unsafe_hash=frozen and eq)

    def replace(value: Any, /, **changes: Any) -> Any:
        """As the standard library's, for dataclasses whose fields are all arguments of their birth."""
        content, places = _fields_of(type(value))
        given = list(content(value))
        for name, changed in changes.items():
            given[places[name]] = changed
        return type(value)(*given)

    @cache
    def _fields_of(kind: type) -> tuple[Any, dict[str, int]]:
        names = [each.name for each in fields(kind)]
        content = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)
        return content, {name: place for place, name in enumerate(names)}


__all__ = ["dataclass", "replace"]
