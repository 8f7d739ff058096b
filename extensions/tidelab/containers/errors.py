"""What can go wrong with images; every text is for the person who builds them."""


class ImageError(RuntimeError):
    """An image that cannot be planned or built: what failed, why, and what to do."""
