"""The page of capabilities says what the adapters declare."""

from scripts.capabilities import PAGE, page


def test_the_page_of_capabilities_says_what_the_adapters_declare() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run ./scripts/draw and commit docs/capabilities.md"
