"""Values: dataclasses that never change once they are made.

The type checker holds everybody to that. At run time a frozen dataclass pays for every field at every birth, four times
what a plain one does; for each change dozens go through the door.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from dataclasses import dataclass as _dataclass

    def dataclass(*, frozen: bool, slots: bool, eq: bool = True) -> Any:
        """As the standard library's, but that at run time ``frozen`` gives no more than a hash."""
        return _dataclass(slots=slots, eq=eq, unsafe_hash=frozen and eq)


__all__ = ["dataclass"]
