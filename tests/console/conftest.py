"""The same house and server as for the API's tests."""

from tests.api.conftest import client, house

__all__ = ["client", "house"]
