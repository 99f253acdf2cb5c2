"""Steps that build on each other: after a failed one the rest of its file is passed over."""

import pytest

from .window import NoBlender, real_blender

FAILED = pytest.StashKey[str]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and "steps" in item.fixturenames:
        item.parent.stash.setdefault(FAILED, item.name)
    return report


@pytest.fixture
def steps(request):
    """A test that is one step of several."""
    before = request.node.parent.stash.get(FAILED, "")
    if before:
        pytest.skip(f"{before} before it failed")


@pytest.fixture(scope="session")
def blender():
    """A real Blender; what keeps it from working is no fault of the add-on and is said."""
    try:
        return real_blender()
    except NoBlender as reason:
        pytest.skip(str(reason))
