"""What is wrong with the settings, in words."""

import os

from pydantic import ValidationError


def explain(error: ValidationError, prefix: str) -> str:
    """Say what is wrong, a line for each variable: its name, its value, the rule it breaks; a secret's value is not shown."""
    lines = ["The hub cannot start with these settings:"]
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(f"  {message}")
            continue
        name = str(problem["loc"][0])
        lines.append(f"  {prefix}{name.upper()}={_shown(name, prefix)}: {message}")
    lines.append("The settings are described in docs/admin.md.")
    return "\n".join(lines)


def _shown(name: str, prefix: str) -> str:
    value = os.environ.get(f"{prefix}{name.upper()}", "(default)")
    return "(secret)" if any(word in name for word in ("secret", "token", "db_url")) else repr(value[:80])
