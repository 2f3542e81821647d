"""Connections to the house's schema: the library's pool, for any libpq URL or conninfo."""

from collections.abc import Callable
from typing import Any

from eventsourcing.postgres import PostgresDatastore, PostgresRecorder
from psycopg import Connection, Error, IsolationLevel, connect
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from adapters.event_store.keys import KeyArray, KeyArrayDumper

MOST_CONNECTIONS = 12
CONNECT_SECONDS = 5.0
# A writer that stands still in the middle of its transaction (a suspended laptop) is thrown out, so that the others can go on.
IDLE_IN_TRANSACTION_SECONDS = 60.0


class LedgerDatastore(PostgresDatastore):
    """Every connection finds its tables in `schema`, through the search path."""

    def __init__(self, url: str, schema: str) -> None:
        PostgresRecorder.check_identifier_length(schema)
        super().__init__(
            dbname="",
            host="",
            port="",
            user="",
            password="",
            connect_timeout=CONNECT_SECONDS,
            idle_in_transaction_session_timeout=IDLE_IN_TRANSACTION_SECONDS,
            pool_size=1,
            max_overflow=MOST_CONNECTIONS - 1,
            schema=schema,
            originator_id_type="text",
        )
        # The library knows five parts of an address; a URL may have many more (sslmode, a socket directory, several hosts).
        self._address: dict[str, Any] = {**conninfo_to_dict(url), "client_encoding": "utf8"}
        self.pool.kwargs = {**self._address, "row_factory": dict_row}
        # The pool waits twice as long after each failed attempt; begun anew every few seconds, it notices soon that a server is back.
        self.pool.reconnect_timeout = CONNECT_SECONDS

    def after_connect_func(self) -> Callable[[Connection[Any]], None]:
        stock = super().after_connect_func()
        search_path = SQL("SET search_path TO {}").format(Identifier(self.schema))

        def after_connect(connection: Connection[Any]) -> None:
            stock(connection)
            # What is read after the lock must see what was committed before it, whatever the database's default is.
            connection.isolation_level = IsolationLevel.READ_COMMITTED
            connection.execute(search_path)
            connection.adapters.register_dumper(KeyArray, KeyArrayDumper)

        return after_connect

    def reason(self) -> str:
        """Why there is no connection to be had; the pool itself only knows that it took too long."""
        try:
            connect(**{**self._address, "connect_timeout": 2}).close()
        except Error as error:
            return str(error).strip()
        return f"all {MOST_CONNECTIONS} connections of this process were busy for {CONNECT_SECONDS:g} s"

    def register_type_adapters(self) -> None:
        """Nothing to do: only the stock insert statement, which is not used, needs a composite type."""
