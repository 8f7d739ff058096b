"""Least squares for shares: many small systems at once, each solution a vector of shares (not negative, sum one)."""

from typing import Final

import numpy as np
import numpy.typing as npt

_RIDGE: Final = 1e-10
_TOLERANCE: Final = 1e-10
_ROUNDS: Final = 200
_PATIENCE: Final = 3

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def simplex_least_squares(
    matrices: npt.ArrayLike, targets: npt.ArrayLike, start: npt.ArrayLike | None = None
) -> Array:
    """Minimise ``|A p - b|`` over all vectors of shares ``p``, for each pair of `matrices` and `targets`.

    Block principal pivoting (Portugal, L., Judice, J. and Vicente, L., A comparison of block pivoting and interior-point algorithms
    for linear least squares problems with nonnegative variables, Mathematics of Computation 63, 1994): guess which shares are zero,
    solve for the others, exchange those that break a condition of optimality, until none does. It solves the same problem as QuaPy's
    ``ACC.solve_adjustment(..., solver="minimize")``, which a test compares, but a few hundred of them at once.

    Parameters
    ----------
    matrices
        Shape ``(b, r, k)``.
    targets
        Shape ``(b, r)``.
    start
        Which shares to think above zero at first, shape ``(k,)``; by default all. It changes the time, never the result.

    Returns
    -------
    numpy.ndarray
        Shape ``(b, k)``. Where two columns of a matrix are the same, a ridge of 1e-10 splits their share evenly.
    """
    a, b = np.asarray(matrices, np.float64), np.asarray(targets, np.float64)
    if a.ndim != 3 or b.shape != a.shape[:2]:
        raise ValueError(f"expected matrices (b, r, k) and targets (b, r), got {a.shape} and {b.shape}")
    n, _, k = a.shape
    gram = np.matmul(a.transpose(0, 2, 1), a)
    gram += _RIDGE * (np.trace(gram, axis1=1, axis2=2) / k)[:, None, None] * np.eye(k)
    moment = np.matmul(a.transpose(0, 2, 1), b[..., None])[..., 0]
    free = np.repeat(_start(start, k)[None], n, axis=0)
    solution = np.zeros((n, k))
    fewest, patience = np.full(n, k + 1), np.full(n, _PATIENCE)
    open_ = np.arange(n)
    for _ in range(_ROUNDS):
        shares, gradient = _solve(gram[open_], moment[open_], free[open_])
        solution[open_] = shares
        wrong = np.where(free[open_], shares < -_TOLERANCE, gradient < -_TOLERANCE)
        count = wrong.sum(axis=1)
        if not count.any():
            break
        open_, wrong, count = open_[count > 0], wrong[count > 0], count[count > 0]
        fewer = count < fewest[open_]
        fewest[open_[fewer]], patience[open_[fewer]] = count[fewer], _PATIENCE
        patience[open_[~fewer]] -= 1
        free[open_] ^= np.where((patience[open_] < 0)[:, None], _last(wrong), wrong)
        empty = open_[~free[open_].any(axis=1)]
        free[empty, moment[empty].argmax(axis=1)] = True
    kept = np.maximum(solution, 0.0)
    shares_: Array = kept / kept.sum(axis=1, keepdims=True)
    return shares_


def _start(start: npt.ArrayLike | None, k: int) -> Mask:
    mask = np.ones(k, bool) if start is None else np.array(start, bool)
    return mask if mask.any() else np.ones(k, bool)


def _solve(gram: Array, moment: Array, free: Mask) -> tuple[Array, Array]:
    """Return the shares with the fixed ones at zero, and the gradient of the Lagrangian."""
    # Columns that are fixed everywhere need no place in the systems: of ninety-five classes a small sample holds a dozen.
    used = np.flatnonzero(free.any(axis=0))
    open_, inner = free[:, used], gram[:, used[:, None], used]
    n, k = open_.shape
    system = np.zeros((n, k + 1, k + 1))
    system[:, :k, :k] = np.where(open_[:, :, None] & open_[:, None, :], inner, 0.0)
    diagonal = np.arange(k)
    system[:, diagonal, diagonal] += ~open_
    system[:, :k, k] = system[:, k, :k] = open_
    right = np.concatenate([np.where(open_, moment[:, used], 0.0), np.ones((n, 1))], axis=1)
    found = np.linalg.solve(system, right[..., None])[..., 0]
    shares = np.zeros(moment.shape)
    shares[:, used] = np.where(open_, found[:, :k], 0.0)
    gradient = np.matmul(gram, shares[..., None])[..., 0] - moment + found[:, k:]
    return shares, gradient


def _last(wrong: Mask) -> Mask:
    """Keep only the last True of each row: the rule that cannot cycle, for rows that make no progress."""
    k = wrong.shape[1]
    one = np.zeros_like(wrong)
    one[np.arange(len(wrong)), k - 1 - wrong[:, ::-1].argmax(axis=1)] = True
    return one
