"""The job templates for Deadline Cloud and other schedulers of Open Job Description, by its own library."""

import json
import shlex
import subprocess
import sys
from importlib.util import find_spec

import pytest

from ..docs.blocks import blocks_of, commands_of
from .jobs import FARMS, frames, write_blender, write_inputs

model = pytest.importorskip("openjd.model", reason="needs openjd-model")
TEMPLATES = sorted((FARMS / "openjd").glob("*/template.yaml"))
SMALL = {"Rate": "8", "Width": "32", "Height": "32", "Frames": "1-6", "ChunkSize": "3", "Seed": "3"}


def read_template(path):
    document = model.document_string_to_object(
        document=path.read_text("utf8"), document_type=model.DocumentType.YAML
    )
    return model.decode_job_template(template=document, supported_extensions=["TASK_CHUNKING"])


def create_job(path, folder, **values):
    template = read_template(path)
    given = model.preprocess_job_parameters(
        job_template=template, job_parameter_values=values, job_template_dir=folder,
        current_working_dir=folder,
    )  # fmt: skip
    return model.create_job(job_template=template, job_parameter_values=given)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_a_template_is_valid_and_its_steps_follow_each_other(path, tmp_path):
    (tmp_path / "input").touch()
    source = "Sound" if path.parent.name == "sound" else "Scene"
    job = create_job(
        path, tmp_path, Frames="1-250", ChunkSize="100", **{source: str(tmp_path / "input")}
    )
    assert [step.name for step in job.steps] == ["Bake", "Render", "Video"]
    graph = model.StepDependencyGraph(job=job)
    assert [step.name for step in graph.topo_sorted()] == ["Bake", "Render", "Video"]
    space = model.StepParameterSpaceIterator(space=job.steps[1].parameterSpace)
    chunks = [task["Frames"].value for task in space]
    assert len(chunks) == 3 and chunks[0].startswith("1-") and chunks[-1].endswith("-250")


def test_values_that_cannot_be_are_refused(tmp_path):
    (tmp_path / "a.wav").touch()
    path = FARMS / "openjd" / "sound" / "template.yaml"
    for wrong in ({"ChunkSize": "0"}, {"Camera": "wide"}, {"Width": "0"}, {"Frames": "first-last"}):
        with pytest.raises((model.DecodeValidationError, ValueError)):
            create_job(path, tmp_path, Sound=str(tmp_path / "a.wav"), **wrong)


@pytest.mark.skipif(find_spec("openjd.cli") is None, reason="needs openjd-cli: make test-farms")
def test_a_local_session_gives_the_frames_of_a_local_run(tmp_path, avatar_file):
    write_inputs(tmp_path, avatar_file)
    given = SMALL | {
        "Sound": str(tmp_path / "a.wav"),
        "Avatar": str(tmp_path / "small.uhap"),
        "OutputDir": str(tmp_path / "farm"),
        "Blender": str(write_blender(tmp_path)),
    }
    command = [sys.executable, "-m", "openjd", "run", FARMS / "openjd" / "sound" / "template.yaml"]
    command += ["--step", "Video", "--run-dependencies", "--job-param", json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "Session ended successfully" in done.stdout, done.stdout[-3000:]
    assert "openjd_progress: 100" in done.stdout
    words = "a.wav --avatar small.uhap --fps 8 --size 32 32 --seed 3 --backend cpu --camera portrait --frames 1-6"
    local = [sys.executable, "-m", "gaussian_heads.blender.cli", "animate", *words.split()]
    subprocess.run([*local, "--out", "local"], cwd=tmp_path, check=True, capture_output=True)
    assert frames(tmp_path / "farm/talk") == frames(tmp_path / "local")
    assert len(frames(tmp_path / "local")) == 6
    assert (tmp_path / "farm/talk.mp4").stat().st_size > 1000

    # The scene of that shot is a scene with a line: the other template renders it again.
    scene = {"Scene": str(tmp_path / "farm/talk.blend"), "OutputDir": str(tmp_path / "again")}
    scene |= {name: given[name] for name in ("Frames", "ChunkSize", "Blender")}
    command[4] = FARMS / "openjd" / "scene" / "template.yaml"
    command[-1] = json.dumps(scene)
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert frames(tmp_path / "again/talk") == frames(tmp_path / "local")


def lines_of_the_page():
    """The commands of OpenJD that docs/FARMS.md shows."""
    page = FARMS.parent / "docs" / "FARMS.md"
    found = [line for block in blocks_of(page) for line in commands_of(block)]
    return [shlex.split(line)[1:] for line in found if line.startswith("openjd ")]


@pytest.mark.skipif(find_spec("openjd.cli") is None, reason="needs openjd-cli: make test-farms")
@pytest.mark.parametrize("words", lines_of_the_page(), ids=lambda words: words[0])
def test_a_line_of_the_page_runs(words, tmp_path, avatar_file):
    write_inputs(tmp_path, avatar_file)
    (tmp_path / "a.wav").rename(tmp_path / "talk.wav")
    (tmp_path / "farms").symlink_to(FARMS)
    if words[0] == "run":
        smaller = SMALL | {"Frames": "1-4", "Avatar": str(tmp_path / "small.uhap")}
        smaller["Blender"] = str(write_blender(tmp_path))
        words = [*words, "--job-param", json.dumps(smaller)]
    command = [sys.executable, "-m", "openjd", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert words[0] == "check" or list(tmp_path.glob("**/talk.mp4"))
