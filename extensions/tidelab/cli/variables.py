"""The environment variables of Tidelab, for ``docs/reference/settings.md``; a test compares them with the code."""

from typing import Final, NamedTuple

from tidelab.apps.settings import AppsSettings as Apps


class Variable(NamedTuple):
    """One environment variable: its default and its meaning, in words."""

    name: str
    default: str
    meaning: str


PLACES: Final = (
    Variable(
        "TIDELAB_ROOT",
        "found from the installed package",
        "The checkout: the folder with `notebooks/` and `images/`.",
    ),
    Variable("TIDELAB_STATE", "`<checkout>/.tidelab`", "Everything that is installed or written."),
    Variable("TIDELAB_ENVS", "`<state>/envs`", "The installed environments."),
    Variable("TIDELAB_DATA", "`<state>/data`", "All durable data: homes, databases, champions, logs."),
    Variable("TIDELAB_USECASES", "none", "More folders whose children are use cases, joined with `:`."),
    Variable("TIDELAB_CHAMPIONS", "`<data>/champions`", "The published champions."),
    Variable(
        "TIDELAB_MOUNTS",
        "none",
        "Folders that every person may read, joined with `:`, e.g. an instrument drive.",
    ),
    Variable(
        "TIDELAB_RUNS",
        "`~/tidelab/runs`; on the hub `<data>/homes/<user>/runs`",
        "The current person's runs.",
    ),
    Variable("TIDELAB_CACHE", "`<runs>/.cache`", "Results per image that later runs reuse."),
    Variable(
        "TIDELAB_USAGE", "`<data>/usage`; in a container `~/.tidelab/usage`", "Usage events and their key."
    ),
    Variable("TIDELAB_LEASES", "`<data>/gpus/leases.sqlite`", "The lease book: who holds which GPU."),
)

WORK: Final = (
    Variable(
        "TIDELAB_MAX_RUNS", "number of cores", "Runs that execute at once per data folder; the others wait."
    ),
    Variable(
        "TIDELAB_THREADS",
        "1",
        "Threads that one run uses for its model, so that several runs share a machine.",
    ),
    Variable(
        "TIDELAB_RUNTIME",
        "`onnxruntime`",
        "What computes a detector's network: `onnxruntime` or `openvino` (in 32-bit floats).",
    ),
    Variable(
        "TIDELAB_STREAM_LOGIN",
        "none",
        "Login of a camera for `tidelab live`, `name:password`; it is shown nowhere.",
    ),
    Variable(
        "TIDELAB_STREAM_CA",
        "the system's certificates",
        "File of certificates (PEM) that `tidelab live` checks a camera over TLS (`rtsps`, `https`) against; for one that made its own.",
    ),
    Variable(
        "TIDELAB_INSTITUTION", "none", "Your institution, for the statistics; on the hub the page Profile."
    ),
    Variable(
        "TIDELAB_COUNTRY", "none", "Its country, two letters (ISO 3166-1); on the hub the page Profile."
    ),
    Variable(
        "TIDELAB_PSEUDONYM",
        "made with the installation's key",
        "The person's pseudonym in usage events; the hub sets it where servers are containers.",
    ),
    Variable(
        "TIDELAB_PERSON_KIND",
        "`person`",
        "What runs are counted as: `person`, `service`, `guest` or `vessel`.",
    ),
    Variable(
        "TIDELAB_ACCESS",
        "`local`; `virtual` on a hub that others can reach",
        "How people reach this installation: `local`, `virtual`, or `remote` where projects were selected.",
    ),
    Variable(
        "TIDELAB_PURPOSE",
        "`real`",
        "What runs are for: `real`, `demo` (a workshop) or `test`; only real ones are counted.",
    ),
    Variable(
        "TIDELAB_ON_BEHALF",
        "set by the apps for their kernels and the runs these start",
        "This process acts for one person and could open the files of others: requests of runs are checked at each use, and the process gives "
        "up every right to files outside that person's folders (`SECURITY.md`).",
    ),
    Variable(
        "TIDELAB_HELD_TO",
        "set by a process that gave up other people's files",
        "Folder of runs to whose owner's places this process is held; what it starts is held too, and need not do it again.",
    ),
    Variable(
        "TIDELAB_DOWNLOAD_HOSTS",
        "none",
        "More hosts that published weights may be fetched from, joined with `,` (https and public addresses only).",
    ),
    Variable(
        "TIDELAB_ECOTAXA_TOKEN",
        "asked for",
        "Your token of EcoTaxa, for `tidelab ecotaxa`; kept by nobody and written to no log.",
    ),
    Variable(
        "TIDELAB_ECOTAXA_URL",
        "`https://ecotaxa.obs-vlfr.fr/api`",
        "Address of the API of the EcoTaxa that `tidelab ecotaxa` speaks to.",
    ),
    Variable(
        "TIDELAB_WEIGHTS",
        "none; in images `/opt/tidelab-weights`",
        "Folder of published weights that are there already; then `<data>/shared/weights` is looked through.",
    ),
    Variable(
        "TIDELAB_PACKAGES",
        "none; in images `~/.tidelab/packages`",
        "Folder of the packages that a person installs with pip, one below it for each stack.",
    ),
    Variable(
        "TIDELAB_VARIANT",
        "`cuda` where an NVIDIA GPU is found, else `cpu`",
        "Build of the environments to install.",
    ),
)

INTERNAL: Final = (
    Variable("TIDELAB_FACE", "", "Face that a notebook runs as (`report`)."),
    Variable("TIDELAB_REPORT_RUN", "", "File in which a report's notebook leaves the name of its run."),
    Variable("TIDELAB_FLAVOUR", "", "Size of the single-user server."),
    Variable("TIDELAB_USECASE", "", "Use case of the single-user server."),
    Variable("TIDELAB_USER", "", "Person of the single-user server."),
    Variable("TIDELAB_GPU_LEASE", "", "Lease of the GPUs that a server or a batch run has."),
    Variable("TIDELAB_LEASE", "", "What that lease holds, for the start-up test of a server."),
    Variable("TIDELAB_PANEL", "", "Names and links that the panel in JupyterLab shows."),
    Variable("TIDELAB_GPUS_URL", "", "Where the service for GPUs listens."),
    Variable("TIDELAB_TICKET_KEY", "", "Public key that tickets of the apps are verified with."),
    Variable("TIDELAB_MLFLOW_URL", "", "Where the service MLflow listens."),
    Variable("TIDELAB_MLFLOW_DB", "", "Database of MLflow, which the hub gives to this service alone."),
    Variable("TIDELAB_MODELS_URL", "", "Where promotions are asked for."),
    Variable("TIDELAB_PUBLIC_HOSTS", "", "Host names that MLflow answers to."),
)

APPS: Final = (
    Variable(
        "TIDELAB_APPS_MAX_KERNELS",
        f"{Apps.max_kernels}",
        "Most kernels of apps at a time, waiting ones included.",
    ),
    Variable("TIDELAB_APPS_POOL", f"{Apps.pool_size}", "Kernels kept ready for each app that is used."),
    Variable(
        "TIDELAB_APPS_AWAY_S",
        f"{Apps.away_s}",
        "Seconds after which the kernel of a closed page ends; its run goes on.",
    ),
    Variable(
        "TIDELAB_APPS_IDLE_S",
        f"{Apps.idle_s}",
        "Seconds after which the kernel of an untouched page ends; its run goes on.",
    ),
    Variable("TIDELAB_APPS_PERSON", "none", "Who you are, where the apps run without a hub."),
)
