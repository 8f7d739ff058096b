"""What can be wrong with a model, in words for the person who chose it."""


class ModelError(ValueError):
    """A model that cannot be used: what failed, in which file, what was expected, what to do next."""


class BundleError(ModelError):
    """A model bundle that is incomplete, was changed after it was made, or does not do what its card says."""
