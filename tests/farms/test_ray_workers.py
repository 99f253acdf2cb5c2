"""Shots on a Ray cluster, with a stand-in for Ray: what is asked of it, and what is said when it fails."""

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from gaussian_heads.blender.shots import queue, ray_workers
from gaussian_heads.blender.shots.outcomes import Ended
from gaussian_heads.core.job_records import DONE, ShotFiles, write_record
from gaussian_heads.core.shots import Shot


class StandInForRay:
    """The part of Ray's interface that is used; a task is a thread, and takes `work_sec`."""

    class exceptions:
        class RayError(Exception):
            pass

        class TaskCancelledError(RayError):
            pass

    def __init__(self, nodes=((4, True),), work_sec=0.05):
        self.num_at_once, self.most_at_once, self.is_open = 0, 0, False
        self.options_given, self.cancelled, self.lost = {}, [], set()
        self._nodes, self._work_sec = nodes, work_sec

    def init(self, address, **options):
        if address != "auto":
            raise ConnectionError("Could not find any running Ray instance.\nMore of it")
        self.is_open = True

    def shutdown(self):
        self.is_open = False

    def nodes(self):
        return [{"Alive": alive, "Resources": {"CPU": cpus}} for cpus, alive in self._nodes]

    def remote(self, function):
        return SimpleNamespace(options=lambda **given: self._task(function, given))

    def _task(self, function, given):
        self.options_given = given
        return SimpleNamespace(remote=lambda *a, **k: _Reference(self, function, a, k))

    def wait(self, references, num_returns, timeout):
        assert timeout == 0 and num_returns == len(references)
        ready = [r for r in references if not r.thread.is_alive()]
        return ready, [r for r in references if r not in ready]

    def get(self, reference):
        if reference.error:
            raise reference.error
        return reference.result

    def cancel(self, reference, force=False):
        self.cancelled.append((reference.name, force))
        reference.stop.set()


class _Reference:
    def __init__(self, ray, function, arguments, options):
        self.result = self.error = None
        self.stop, self.name = threading.Event(), arguments[0].name
        self.thread = threading.Thread(target=self._work, args=(ray, arguments))
        ray.num_at_once += 1
        ray.most_at_once = max(ray.most_at_once, ray.num_at_once)
        self.thread.start()

    def _work(self, ray, arguments):
        shot, folder = arguments
        if self.stop.wait(ray._work_sec):
            self.error = ray.exceptions.TaskCancelledError("cancelled")
        elif shot.name in ray.lost:
            self.error = ray.exceptions.RayError("Task failed.\nThe node died 6 times.")
        else:
            files = ShotFiles(folder, shot.name)
            write_record(files.record, DONE, {"frames": 4, "drawn": 4, "backend": "cpu"})
            self.result = Ended(0, 0.5, "")
        ray.num_at_once -= 1


@pytest.fixture
def ray(monkeypatch):
    stand_in = StandInForRay()
    monkeypatch.setitem(sys.modules, "ray", stand_in)
    return stand_in


def request(folder, names="abc", **options):
    shots = tuple(Shot(name, folder / "a.wav", frames=(1, 2, 3, 4)) for name in names)
    return queue.BatchRequest(shots, folder, 0, ray="auto", **options)


def test_shots_go_to_the_cluster_as_many_as_its_machines_have_cores_for(ray, tmp_path):
    ray._nodes = ((3, True), (5, True), (64, False))
    told, shown = [], []
    outcomes = queue.run_batch(request(tmp_path, "abcdef"), told.append, shown.append)
    assert [outcome.result for outcome in outcomes] == ["done"] * 6 and len(told) == 6
    assert ray.most_at_once == 3, "one on three cores, two on five, none on a machine that is gone"
    assert ray.options_given == {"num_cpus": 2, "max_retries": ray_workers.MAX_RETRIES}
    assert not ray.is_open and shown[-1].num_ended == 6


def test_progress_is_read_from_the_shared_folder_and_tidied_away(ray, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_workers, "LOOKED_EVERY_SEC", 0.0)
    ray._work_sec, shown = 0.3, []
    (tmp_path / "a.progress").write_text("0.5\n")
    queue.run_batch(request(tmp_path, "a"), lambda line: None, shown.append)
    assert {"a": 0.5} in [standing.at_work for standing in shown]
    assert not list(tmp_path.glob("*.progress"))


def test_a_shot_that_the_cluster_loses_costs_that_shot(ray, tmp_path):
    ray.lost = {"b"}
    outcomes = {o.name: o for o in queue.run_batch(request(tmp_path), lambda line: None)}
    assert [outcomes[name].result for name in "abc"] == ["done", "failed", "done"]
    assert "The cluster lost it (The node died 6 times.)" in outcomes["b"].says


def test_ctrl_c_stops_the_tasks_and_leaves_the_cluster(ray, tmp_path):
    ray._work_sec = 60

    def interrupt(standing):
        if ray.num_at_once == 2 and not ray.cancelled:
            raise KeyboardInterrupt

    begun_sec, told = time.monotonic(), []
    outcomes = queue.run_batch(request(tmp_path), told.append, interrupt)
    assert time.monotonic() - begun_sec < 30 and not ray.is_open
    assert [outcome.result for outcome in outcomes] == ["cancelled"] * 3
    assert ray.cancelled == [("a", False), ("b", False)]
    assert told[-1] == "Stopped: 0 of 3 shots are there; the same command goes on."


def test_what_cannot_be_is_refused_with_a_sentence(ray, tmp_path, monkeypatch):
    with pytest.raises(ray_workers.ClusterError, match="has 5 processor cores for a shot"):
        queue.run_batch(request(tmp_path, cpus=5), lambda line: None)
    assert not ray.is_open
    monkeypatch.setattr(ray_workers, "_knock", lambda address: None)
    nowhere = queue.BatchRequest((), tmp_path, ray="localhost:1")
    with pytest.raises(ray_workers.ClusterError, match="no Ray cluster at 'localhost:1'"):
        queue.run_batch(nowhere, lambda line: None)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        ray_workers.ClusterError, match=r"pip install gaussian-heads\[blender,ray\]"
    ):
        queue.run_batch(request(tmp_path), lambda line: None)


def test_nobody_pays_for_ray_who_does_not_ask_for_it():
    code = (
        "import sys; import gaussian_heads.blender.cli, gaussian_heads.blender.shots.queue as q;"
        "import gaussian_heads.blender.shots.ray_workers; assert 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
