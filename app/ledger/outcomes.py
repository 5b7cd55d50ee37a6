"""How writing a batch can end otherwise than well."""


class BatchStale(Exception):
    """Something the batch was judged on has moved; nothing was written."""


class BatchTransient(Exception):
    """The server asks to try again; nothing was written."""


class BatchPoisoned(Exception):
    """The server will never take one of these documents; nothing was written."""


class CommitUnknown(Exception):
    """The commit was sent and not answered: the batch may be true."""
