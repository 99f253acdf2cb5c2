"""What all tests of training share."""

import importlib.util

import pytest


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As the commands do: threads make sums in another order each time, and small tensors gain nothing from them."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
