"""The HTTP API, asked over real sockets."""
