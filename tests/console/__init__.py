"""The console's pages, asked for over real sockets."""
