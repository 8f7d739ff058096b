"""The catalogue of use cases: what ``notebooks/<slug>/usecase.yaml`` declares, read, checked and explained."""

from tidelab.catalogue.errors import (
    CatalogueError,
    ParameterError,
    Problem,
    UnknownUseCaseError,
    UseCaseError,
)
from tidelab.catalogue.load import Catalogue, load_catalogue, load_usecase, usecase_candidates, usecase_schema
from tidelab.catalogue.model import PublishedModel
from tidelab.catalogue.notebooks import Notebook
from tidelab.catalogue.parameters import Parameter
from tidelab.catalogue.task import Label
from tidelab.catalogue.usecase import UseCase

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Label",
    "Notebook",
    "Parameter",
    "ParameterError",
    "Problem",
    "PublishedModel",
    "UnknownUseCaseError",
    "UseCase",
    "UseCaseError",
    "load_catalogue",
    "load_usecase",
    "usecase_candidates",
    "usecase_schema",
]
