"""Work in several threads whose result does not depend on how many there are, and memory once it is done.

What belongs here: `single_threaded` and `give_back`. A sum that is split over threads is added in another order, so the
last bits of a vector would change with the machine's load or the settings. Here every piece of work has a fixed size
and is computed in one thread; the threads share out the pieces.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa


@contextlib.contextmanager
def single_threaded(workers: int, per_call: int = 1) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool; inside, the BLAS of numpy uses one thread per call, and torch a fixed number.

    Parameters
    ----------
    workers
        Threads of the pool.
    per_call
        Threads of torch in the thread that calls; one in those of the pool.
    """
    torch = importlib.import_module("torch")
    importlib.import_module("scipy.linalg")  # a library that is loaded later would not be limited
    limits = importlib.import_module("threadpoolctl").threadpool_limits
    before = torch.get_num_threads()
    try:
        with limits(limits=1), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            torch.set_num_threads(per_call)
            yield pool
    finally:
        torch.set_num_threads(before)


def give_back() -> None:
    """Give memory that nothing holds any more back to the system.

    Allocators keep what models and their texts took. After a step has embedded, its table is sorted within a limit of
    its own, which comes on top of that.
    """
    gc.collect()
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(AttributeError, OSError):  # only the C library of GNU has it
        ctypes.CDLL(None).malloc_trim(0)
