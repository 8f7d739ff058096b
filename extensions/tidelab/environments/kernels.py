"""Kernels: each installed stack is a kernel wherever kernels are started from."""

import json
from pathlib import Path

from tidelab import paths
from tidelab.environments import state
from tidelab.environments.model import Environment, load_environments

_STARTERS = (
    "lab",
    "dev",
)  # besides the stacks themselves: papermill in a stack starts the stack's own kernel by its name


def kernel_name(environment: str) -> str:
    """Return the name notebooks carry for a stack's kernel.

    >>> kernel_name("analyse")
    'tidelab-analyse'
    """
    return f"tidelab-{environment}"


def kernelspec(environment: Environment) -> dict[str, object]:
    """Return the kernelspec of a stack.

    It carries nothing of a place or a person (no ``TIDELAB_*``): those come from the server that starts the kernel.
    """
    folder = paths.envs() / environment.name
    return {
        "argv": [
            str(folder / "bin" / "python"),
            "-Xfrozen_modules=off",
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ],
        "display_name": environment.kernel,
        "language": "python",
        # A cell that hangs is interrupted by a signal; a client without MLflow waits seconds, not four minutes.
        "interrupt_mode": "signal",
        "metadata": {"debugger": True, "supported_encryption": ["curve"]},
        "kernel_protocol_version": "5.5",
        "env": {
            "PATH": f"{folder / 'bin'}:${{PATH}}",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "TF_CPP_MIN_LOG_LEVEL": "2",
        },
    }


def sync_kernels() -> list[Path]:
    """Write the kernelspec of every installed stack into every environment that starts kernels; return the files that changed."""
    known = load_environments()
    present = [name for name, environment in known.items() if environment.is_stack and _has_python(name)]
    targets = [*present, *(name for name in _STARTERS if _has_python(name))]
    changed = []
    for stack in present:
        text = json.dumps(kernelspec(known[stack]), indent=1) + "\n"
        for target in targets:
            file = (
                paths.envs() / target / "share" / "jupyter" / "kernels" / kernel_name(stack) / "kernel.json"
            )
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.parent.mkdir(parents=True, exist_ok=True)
                state.write_atomically(file, text)
                changed.append(file)
    return changed


def _has_python(name: str) -> bool:
    return (paths.envs() / name / "bin" / "python").exists()
