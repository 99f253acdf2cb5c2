"""What the studio's persons perform: coverage, splits, and faces that stay possible."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, arkit_vector
from gaussian_heads.training.capture.performance import HELD_OUT, RANGE, TRAIN, performance
from gaussian_heads.training.capture.performance_limits import plausible
from gaussian_heads.training.capture.sources import Sources, StudioError


@pytest.fixture
def no_speech(tmp_path) -> Sources:
    return Sources(tmp_path)


def drive(sources: Sources, seeds: range = range(48)) -> list:
    return [frame for seed in seeds for frame in performance(seed, 40, sources)]


def test_the_first_frame_is_the_neutral_and_names_count_up(no_speech):
    frames = performance(7, 40, no_speech)
    assert [frame.name for frame in frames] == [f"f{index:03d}" for index in range(40)]
    assert frames[0].kind == "neutral" and not frames[0].controls.any()
    assert frames[0].split == TRAIN
    assert all(f.controls.shape == (52,) and f.controls.dtype == np.float32 for f in frames)


def test_the_same_seed_performs_the_same_and_another_differs(no_speech):
    first, again, other = (
        np.stack([frame.controls for frame in performance(seed, 40, no_speech)])
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_48_persons_meet_every_control_alone_at_several_weights(no_speech):
    met: dict[str, set[float]] = {name: set() for name in ARKIT_BLENDSHAPES}
    for frame in drive(no_speech):
        names = [ARKIT_BLENDSHAPES[i] for i in np.flatnonzero(frame.controls)]
        if frame.kind == RANGE and frame.split == TRAIN:
            own = "mouthClose" if names == ["jawOpen", "mouthClose"] else names[0]
            assert names in ([own], ["jawOpen", "mouthClose"])
            met[own].add(round(float(frame.controls[ARKIT_INDEX[own]]), 1))
    assert min(len(weights) for weights in met.values()) >= 4
    assert all(max(weights) >= 0.8 and min(weights) <= 0.5 for weights in met.values())


def test_one_frame_in_six_is_held_out_of_mixed_kinds_and_never_trained_on(no_speech):
    frames = drive(no_speech)
    held_out = [frame for frame in frames if frame.split == HELD_OUT]
    assert len(held_out) == pytest.approx(len(frames) / 6, rel=0.1)
    assert {frame.kind for frame in held_out} == {"combination", "emotion", "gaze"}
    trained = np.stack([frame.controls for frame in frames if frame.split == TRAIN])
    nearest = [np.abs(trained - frame.controls).max(1).min() for frame in held_out]
    assert min(nearest) > 1e-3


def test_without_speech_the_rest_fills_the_frames_and_says_so(no_speech, caplog):
    kinds = {frame.kind for frame in performance(0, 40, no_speech)}
    assert kinds == {"neutral", "range", "combination", "emotion", "gaze"}
    assert "no speech motion" in caplog.text and "no captured motion" in caplog.text


def test_a_person_alone_with_few_frames_is_still_mixed(no_speech):
    assert len(performance(9, 1, no_speech)) == 1
    assert len({frame.kind for frame in performance(9, 8, no_speech)}) >= 4


def test_faces_stay_possible(no_speech):
    for frame in drive(no_speech, range(12)):
        weights = {name: float(frame.controls[i]) for name, i in ARKIT_INDEX.items()}
        assert 0.0 <= min(weights.values()) and max(weights.values()) <= 1.0
        assert weights["mouthClose"] <= weights["jawOpen"]
        for pair in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
            assert min(weights[name] for name in pair) == 0.0
        for side in ("Left", "Right"):
            assert min(weights[f"eyeLookUp{side}"], weights[f"eyeLookDown{side}"]) == 0.0
            assert min(weights[f"eyeBlink{side}"], weights[f"eyeWide{side}"]) == 0.0


def test_limits_cancel_opposites_and_scale_sums():
    mixed = plausible(arkit_vector({"mouthPucker": 1.0, "mouthFunnel": 1.0, "eyeBlinkLeft": 1.0}))
    lips = mixed[ARKIT_INDEX["mouthPucker"]] + 0.8 * mixed[ARKIT_INDEX["mouthFunnel"]]
    assert lips == pytest.approx(1.15, abs=1e-5)
    assert mixed[ARKIT_INDEX["eyeBlinkLeft"]] == pytest.approx(1.0)
    tongue = plausible(arkit_vector({"tongueOut": 1.0, "mouthPress": 0.8, "mouthClose": 0.7}))
    assert np.flatnonzero(tongue).tolist() == [ARKIT_INDEX["tongueOut"]]
    single = arkit_vector({"mouthSmileLeft": 0.6})
    np.testing.assert_array_equal(plausible(single), single)


def test_captured_motion_keeps_whole_clips_for_the_held_out_frames(tmp_path):
    folder = tmp_path / "speech/facegood_zh"
    folder.mkdir(parents=True)
    clips = {
        name: np.tile(arkit_vector({"jawOpen": weight}), (5, 1))
        for name, weight in (("1114_2_01", 0.25), ("1114_3_15", 0.75))
    }
    np.savez(folder / "arkit_30fps.npz", **{f"{n}_arkit_plus_oh_oo": c for n, c in clips.items()})
    frames = [f for f in drive(Sources(tmp_path), range(20)) if f.kind == "captured"]
    jaw = {split: set() for split in (TRAIN, HELD_OUT)}
    for frame in frames:
        jaw[frame.split].add(float(frame.controls[ARKIT_INDEX["jawOpen"]]))
    assert jaw == {TRAIN: {0.25}, HELD_OUT: {0.75}}


def test_speech_follows_the_phones(tmp_path):
    pytest.importorskip("torch", reason="speech curves need the training extra")
    from gaussian_heads.training.capture.performance_motion import speech_curves

    phones = [{"t": "AA", "b": 0.2, "d": 0.3}, {"t": "M", "b": 0.5, "d": 0.2}]
    path = tmp_path / "clip.json"
    path.write_text(json.dumps({"w": [{"w": phones}]}), encoding="utf8")
    curves = speech_curves(path)
    assert curves.shape == (71, 52)
    jaw, close = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
    assert curves[35, jaw] > 0.35 and curves[60, close] > 0.5 * curves[60, jaw]


def test_the_data_folder_gives_all_kinds():
    data = os.environ.get("GAUSSIAN_HEADS_DATA")
    if not data or not (Path(data) / "speech/facegood_zh/arkit_30fps.npz").is_file():
        pytest.skip("needs speech/ of the data folder (GAUSSIAN_HEADS_DATA)")
    pytest.importorskip("torch")
    kinds = {f.kind for seed in range(4) for f in performance(seed, 40, Sources(Path(data)))}
    assert {"captured", "speech"} <= kinds


def test_impossible_requests_are_refused(no_speech):
    for seed, count in ((-1, 10), (0, 0)):
        with pytest.raises(StudioError, match="seed from 0"):
            performance(seed, count, no_speech)
