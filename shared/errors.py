"""Every error that a person is meant to read, and the exit code it ends with.

    LitekeepError            1  it failed, or something needs attention
    ├── UsageError           2  wrong usage or setting; nothing was touched
    ├── SourceError          1  the database could not be read or written
    │   ├── NoMemory         1  a limit or the machine had not the memory for it
    │   └── CorruptSource    3  the database itself is damaged
    ├── StoreError           1  a store refused, or is out of reach
    │   ├── ObjectExists     1  the name is taken; nothing was overwritten
    │   └── ObjectMissing    1  no such object
    ├── KeyProblem           1  the key is missing, wrong, or may not be used
    │   ├── OtherKey         1  this backup is under another key
    │   ├── KeyDenied        1  this identity may not use the key so
    │   └── KeyVersionGone   1  the version of the key that this backup needs is disabled or destroyed
    ├── NotErased            1  an erasure cannot be replayed, so nothing was restored
    ├── NotGood              3  a backup, artifact or dump is not what it should be
    └── NotPermitted         4  an approval is missing

A message is one line: what failed, on what, and what to do next. It never
holds a credential, key material or a value out of a row.
"""


class LitekeepError(Exception):
    """What failed, on what, and what to do, in one line."""

    exit_code = 1


class UsageError(LitekeepError):
    """A flag or setting is wrong; nothing was touched."""

    exit_code = 2


class SourceError(LitekeepError):
    """A database could not be read, written or reached."""


class NoSql(SourceError):
    """A database holds what a SQL dump cannot carry. Its page image can be kept."""


class NoMemory(SourceError):
    """What was asked takes more memory than there is, or than it may have."""


class CorruptSource(SourceError):
    """A database is damaged: SQLite's own checks say so."""

    exit_code = 3


class StoreError(LitekeepError):
    """A store refused an operation or is out of reach."""


class ObjectExists(StoreError):
    """An object of that name is there already; it was left as it is."""


class ObjectMissing(StoreError):
    """The store holds no object of that name."""


class KeyProblem(LitekeepError):
    """The wrapping key is missing, malformed, or refused to do its work."""


class OtherKey(KeyProblem):
    """A backup is under another key than the one that is configured. It says nothing of other backups."""


class KeyDenied(KeyProblem):
    """This identity has no right to use the key in that way."""


class KeyVersionGone(KeyProblem):
    """The version of a key that a backup needs is disabled or destroyed. It says nothing of other backups."""


class NotErased(LitekeepError):
    """What must be forgotten cannot be: the ledger is not whole, or an erasure does not fit the backup."""


class NotGood(LitekeepError):
    """A backup, artifact, manifest or dump is not whole, not authentic, or not loadable."""

    exit_code = 3


class NotPermitted(LitekeepError):
    """The operation needs an approval that is not there."""

    exit_code = 4
