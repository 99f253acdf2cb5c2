"""A real Ray cluster of two machines in this one: the same shots, one machine killed in the middle, stopped, resumed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gaussian_heads.core.job_records import read_record

from .jobs import frames, write_inputs

pytest.importorskip("ray", reason="needs ray: make test-farms")
if sys.platform != "linux":
    pytest.skip("reads /proc", allow_module_level=True)

COMMAND = [sys.executable, "-m", "gaussian_heads.blender.cli", "batch", "shots.csv", "--out"]
NAMES = ("ann", "bob", "cid", "dot")


@pytest.fixture
def cluster():
    """Two machines with two processor cores each, as Ray sees them; nothing is reported to anybody."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    made.second = made.add_node(num_cpus=2)
    yield made
    made.shutdown()


@pytest.fixture
def shots(tmp_path, avatar_file):
    """A file of four shots, each of 24 slow frames."""
    write_inputs(tmp_path, avatar_file)
    rows = [
        f"{name},a.wav,small.uhap,40,96x96,png,reference,{n},1-24" for n, name in enumerate(NAMES)
    ]
    header = "name,audio,avatar,fps,size,output,backend,seed,frames"
    (tmp_path / "shots.csv").write_text("\n".join([header, *rows]) + "\n")
    return tmp_path


@pytest.fixture
def local(shots):
    """The frames of every shot, made on this machine without Ray."""
    subprocess.run([*COMMAND, "local", "--jobs", "2"], cwd=shots, check=True, capture_output=True)
    made = {name: frames(shots / "local" / name) for name in NAMES}
    assert [len(each) for each in made.values()] == [24] * 4
    return made


def start(shots, cluster):
    return subprocess.Popen(
        [*COMMAND, "ray", "--ray", cluster.address, "--json"],
        cwd=shots, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def results(process, code=0):
    out, err = process.communicate(timeout=600)
    assert process.returncode == code and "Traceback" not in err, err[-3000:]
    return {shot["name"]: shot for shot in json.loads(out)["shots"]}


def wait_for(is_so, seconds=300):
    last = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < last
        time.sleep(0.05)


def family(pid):
    """`pid` and all processes below it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def raylet(node):
    return node.all_processes["raylet"][0].process.pid


def shots_on(node):
    """The shots that are at work on a machine."""
    words = "".join(words_of(pid) for pid in family(raylet(node)))
    return set(re.findall(r"/(\w+)\.json\0", words))


def words_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""


@pytest.mark.parametrize("dies", ["the machine", "Ray alone"])
def test_a_machine_that_dies_loses_nothing(shots, local, cluster, dies):
    process = start(shots, cluster)
    wait_for(lambda: shots_on(cluster.second))
    (lost,) = shots_on(cluster.second)
    wait_for(lambda: len(frames_there(shots / "ray" / lost)) >= 5)
    kept = {path.name: path.stat().st_mtime_ns for path in frames_there(shots / "ray" / lost)}
    assert len(kept) < 24
    for pid in family(raylet(cluster.second)):
        # With Ray alone the shot lives on, sees that nobody waits for it, and stops after its frame.
        if dies == "the machine" or "gaussian_heads" not in words_of(pid):
            os.kill(pid, signal.SIGKILL)
    outcomes = results(process)
    assert {name: shot["result"] for name, shot in outcomes.items()} == dict.fromkeys(NAMES, "done")
    assert {name: frames(shots / "ray" / name) for name in NAMES} == local
    for name in NAMES:
        assert read_record(shots / f"ray/{name}.job.json")["state"] == "done"
        assert not list((shots / "ray" / name).glob(".*"))
    times = {name: (shots / "ray" / lost / name).stat().st_mtime_ns for name in kept}
    assert times == kept, "frames that were there are kept"
    log = (shots / f"ray/{lost}.log").read_text()
    assert (dies == "the machine") != ("Stopped: finished frames are kept." in log)
    assert log.count(f"Shot '{lost}' on ") == 2 and "Done: 24 frames" in log
    assert outcomes[lost]["drawn"] <= 24 - len(kept)
    assert not list((shots / "ray").glob("*.progress"))


def frames_there(folder):
    return sorted(folder.glob("0*.png"))


def test_ctrl_c_stops_after_the_frame_and_the_same_command_goes_on(shots, local, cluster):
    process = start(shots, cluster)
    wait_for(lambda: len(list((shots / "ray").glob("*/0*.png"))) >= 8)
    process.send_signal(signal.SIGINT)
    stopped = results(process, code=130)
    assert "cancelled" in {shot["result"] for shot in stopped.values()}
    wait_for(lambda: not shots_on(cluster.second) and not shots_on(cluster.head_node))
    assert not list((shots / "ray").glob("*/.*"))
    kept = {path: path.stat().st_mtime_ns for path in (shots / "ray").glob("*/0*.png")}
    resumed = results(start(shots, cluster))
    assert {shot["result"] for shot in resumed.values()} <= {"done", "skipped"}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert {name: frames(shots / "ray" / name) for name in NAMES} == local


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "somewhere"])
def test_an_address_without_a_cluster_is_refused_with_a_sentence(shots, address):
    done = subprocess.run(
        [*COMMAND, "ray", "--ray", address], cwd=shots, capture_output=True, text=True
    )
    assert done.returncode == 1 and f"There is no Ray cluster at '{address}'" in done.stderr
    assert "Traceback" not in done.stderr
