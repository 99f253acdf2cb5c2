"""What all tests of training share."""

import importlib.util
import signal

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


@pytest.fixture
def signals():
    """A command that runs in this process takes Ctrl-C for itself; afterwards all is as before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
