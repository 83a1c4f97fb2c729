"""All errors for the user, and the exit code of each.

    LitekeepError            1  the operation failed, or something needs attention
    ├── UsageError           2  wrong usage or setting; nothing was touched
    ├── SourceError          1  the database could not be read or written
    │   ├── NoSql            1  the database cannot be dumped as SQL
    │   ├── NoMemory         1  a memory limit was reached
    │   └── CorruptSource    3  the database itself is damaged
    ├── StoreError           1  a store refused, or is out of reach
    │   ├── ObjectExists     1  the object exists; nothing was overwritten
    │   └── ObjectMissing    1  there is no such object
    ├── KeyProblem           1  the key is missing, wrong, or may not be used
    │   ├── OtherKey         1  the backup is under another key
    │   ├── KeyDenied        1  this identity may not use the key in this way
    │   └── KeyVersionGone   1  the key version that the backup needs is disabled or destroyed
    ├── NotErased            1  an erasure cannot be replayed, so nothing was restored
    ├── NotGood              3  a backup, artifact or dump is damaged or not authentic
    └── NotPermitted         4  an approval is missing

A message is one line: what failed, on what, and what to do next. It never contains a credential, key material or a
value of a row.
"""


class LitekeepError(Exception):
    """The base class. The message says in one line what failed, on what, and what to do."""

    exit_code = 1


class UsageError(LitekeepError):
    """A flag or setting is wrong; nothing was touched."""

    exit_code = 2


class SourceError(LitekeepError):
    """A database could not be read, written or reached."""


class NoSql(SourceError):
    """A database contains something that a SQL dump cannot represent. A page image can still be stored."""


class NoMemory(SourceError):
    """The operation needs more memory than the machine has or its limit allows."""


class CorruptSource(SourceError):
    """A database is damaged, according to SQLite's own checks."""

    exit_code = 3


class StoreError(LitekeepError):
    """A store refused an operation or is out of reach."""


class ObjectExists(StoreError):
    """An object of that name exists. It was not overwritten."""


class ObjectMissing(StoreError):
    """The store has no object of that name."""


class KeyProblem(LitekeepError):
    """A key is missing or malformed, or cannot be used."""


class OtherKey(KeyProblem):
    """A backup is under another key than the configured one. The configured key may still open other backups."""


class KeyDenied(KeyProblem):
    """This identity has no right to use the key in this way."""


class KeyVersionGone(KeyProblem):
    """The key version that a backup needs is disabled or destroyed. Other versions may still open other backups."""


class NotErased(LitekeepError):
    """Erasures cannot be replayed: the ledger is incomplete, or an erasure does not fit the backup."""


class NotGood(LitekeepError):
    """A backup, artifact, manifest or dump is incomplete, not authentic, or cannot be loaded."""

    exit_code = 3


class NotPermitted(LitekeepError):
    """The operation needs an approval that is missing."""

    exit_code = 4
