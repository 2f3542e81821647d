"""The rules of the domain, each told as an example and as a property."""
