"""A short run of every fuzzing target, the same inputs each time; `make fuzz` searches for longer and is led by coverage."""

import pytest

pytest.importorskip("hypothesis", reason="hypothesis draws the inputs of these tests")
pytest.importorskip("PIL.Image", reason="pillow makes the pictures to begin with")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .guards import Finding, examples, read_guarded
from .targets import BY_NAME, TARGETS

# So many that all of them together take about twenty seconds.
EXAMPLES = {"lam": 40, "decoder": 60, "video": 40, "package": 100}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BY_NAME)
def test_valid_files_are_taken(name, folder):
    """Else what is changed is never entered."""
    target = BY_NAME[name]
    is_lacking_sounds = name.startswith("shots")
    for data in target.seeds():
        path = folder / f"valid{target.suffix}"
        path.write_bytes(data)
        assert read_guarded(target.read, path) or is_lacking_sounds


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_changed_files_end_in_a_sentence(target, folder):
    path = folder / f"changed{target.suffix}"

    @settings(
        max_examples=examples(EXAMPLES.get(target.name, 150)),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(random=st.randoms(use_true_random=True))
    def search(random):
        path.write_bytes(target.input(random))
        read_guarded(target.read, path)

    search()
    assert {each.name for each in folder.iterdir()} <= {path.name, f"valid{target.suffix}"} | {
        f"{kind}{other.suffix}" for other in TARGETS for kind in ("valid", "changed")
    }


def test_the_guard_sees_what_is_not_allowed(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"a")
    with pytest.raises(Finding, match="open"):
        read_guarded(lambda p: (tmp_path / "b").write_text("x"), path)
    with pytest.raises(Finding, match="socket"):
        read_guarded(lambda p: __import__("socket").socket().close(), path)
    with pytest.raises(ValueError):
        read_guarded(lambda p: int("x"), path)
    assert read_guarded(lambda p: p.read_bytes(), path)
