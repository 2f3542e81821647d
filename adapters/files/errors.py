"""What can go wrong with a file as a whole; a single row that is wrong is no error but a rejected row.

FilesError             a sentence: what is wrong, what was expected, what to do
├── UnusableFile       the file cannot be read as its kind at all: not there, no such column, no text
│   └── WrongHeadings  what stands in it is text or garbage without the headings of its kind
└── NoRejectedFile     rows were rejected and the file for them cannot be written
"""

from __future__ import annotations


class FilesError(Exception):
    """A file that an import cannot go on with; the message is for the person who named it."""


class UnusableFile(FilesError):
    """The file cannot be read as the kind it was said to be; nothing of it was read."""


class WrongHeadings(UnusableFile):
    """The file has not the headings of its kind, so that every row of it is rejected."""


class NoRejectedFile(FilesError):
    """The rejected rows have nowhere to go; going on would lose them."""
