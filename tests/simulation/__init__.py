"""The whole world by seed."""
