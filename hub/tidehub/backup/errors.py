"""What can go wrong with a backup, in sentences."""


class BackupError(RuntimeError):
    """A backup or a restore that could not be made; the text says what failed, what is unharmed and what to do."""
