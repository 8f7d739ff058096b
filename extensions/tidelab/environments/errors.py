"""What can go wrong while environments are read, installed or locked, in words for the person in front of it."""


class EnvironmentsError(Exception):
    """A failure whose text names what failed and what to do next."""


class DeclarationError(EnvironmentsError):
    """A ``stack.toml`` that does not say what it must."""

    @classmethod
    def for_field(cls, file: object, field: str, value: object, rule: str) -> "DeclarationError":
        """Return the error for one field of one file."""
        return cls(f"{file}: {field} is {value!r}, but {rule}.")


class UnknownEnvironmentError(EnvironmentsError):
    """A name that no folder of ``images/`` carries."""

    @classmethod
    def for_name(cls, name: str, known: list[str]) -> "UnknownEnvironmentError":
        """Return the error for a name, listing the known ones."""
        return cls(f"There is no environment {name!r}. Known: {', '.join(known)}.")


class InstallError(EnvironmentsError):
    """An installation that stopped; ``log`` is the file with pip's or npm's full output, where there is one."""

    def __init__(self, environment: str, what: str, remedy: str, log: object = None) -> None:
        self.environment = environment
        self.what = what
        self.remedy = remedy
        self.log = log
        tail = f"\n  Full output: {log}" if log else ""
        super().__init__(f"Installing {environment} stopped: {what}\n  What to do: {remedy}{tail}")


class LockError(EnvironmentsError):
    """A lock that could not be resolved, or holds what a lock must not hold."""
