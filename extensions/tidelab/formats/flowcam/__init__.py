"""FlowCam run folders as VisualSpreadsheet writes them: collages, the list of particles (``.lst``) and the run summary."""

from tidelab.formats.flowcam.folder import RunFiles, RunFolderData, find_runs, read_run_folder
from tidelab.formats.flowcam.particles import (
    Fault,
    FlowCamError,
    Particle,
    ParticleList,
    looks_like_list,
    parse_list,
)
from tidelab.formats.flowcam.summary import Summary, parse_summary

__all__ = [
    "Fault",
    "FlowCamError",
    "Particle",
    "ParticleList",
    "RunFiles",
    "RunFolderData",
    "Summary",
    "find_runs",
    "looks_like_list",
    "parse_list",
    "parse_summary",
    "read_run_folder",
]
