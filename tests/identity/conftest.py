from tests.middleware.conftest import toy

__all__ = ["toy"]
