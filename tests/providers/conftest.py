from tests.world_fixtures import sandbox_book

__all__ = ["sandbox_book"]
