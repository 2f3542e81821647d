"""The database server: the user's own (DATABASE_URL), or an embedded PostgreSQL whose life we look after."""

from adapters.postgres.embedded import Embedded, open_database
from adapters.postgres.errors import EmbeddedError

__all__ = ["Embedded", "EmbeddedError", "open_database"]
