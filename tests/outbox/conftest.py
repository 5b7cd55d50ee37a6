from tests.world_fixtures import ada, busy_world, calm_world, rich_ada, sandbox_book, timings, world

__all__ = ["ada", "busy_world", "calm_world", "rich_ada", "sandbox_book", "timings", "world"]
