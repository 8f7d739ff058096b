"""Arrays that NumPy would never write and has to read."""

import io

import numpy as np


def endless_texts(count: int = 10**12) -> bytes:
    """Return an ``.npy`` file of one header: `count` texts of no bytes each, which take no place and no time until somebody reads them."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "<U0", "fortran_order": False, "shape": (count,)})
    return content.getvalue()
