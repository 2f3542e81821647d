"""What can go wrong with the embedded server, as far as its user is concerned: one error, told in sentences."""


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used; the message says what is wrong, what was expected and what to do."""
