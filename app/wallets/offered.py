"""Which assets a tenant offers. What it does not offer is as unknown there as what nobody has registered."""

from collections.abc import Mapping, Sequence

from app.errors import UnknownCurrency
from app.money import Asset, asset


class Offered:
    """The assets of every book.

    Taking one away ends what customers may ask for in it: no account is opened, no transfer made, no quote given. What
    is in the books stays readable, and what is on its way arrives.
    """

    def __init__(self, everywhere: Sequence[str], by_book: Mapping[str, Sequence[str]]) -> None:
        self._everywhere = everywhere
        self._by_book = by_book

    def assets(self, book: str) -> list[Asset]:
        """What that book offers."""
        return [asset(code) for code in self._by_book.get(book, self._everywhere)]

    def asset(self, book: str, code: str) -> Asset:
        """The asset of that code, if that book offers it. Raises UnknownCurrency."""
        if code not in self._by_book.get(book, self._everywhere):
            raise UnknownCurrency(code)
        return asset(code)
