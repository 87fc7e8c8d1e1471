"""The errors of this room: what a user can mend, said in one message."""


class DataError(ValueError):
    """Data that cannot be read. The message names the file, the line or key, and the next step."""


class MissingFileError(DataError, FileNotFoundError):
    """A data file is not there. The message gives its address, its hash and where to put it."""
