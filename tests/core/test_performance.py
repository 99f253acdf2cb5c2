"""Recordings of other programs, told apart by what is in them."""

import json
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.errors import GaussianHeadsError, TrackError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.importers.performance import read_performance
from gaussian_heads.core.livelink import write_livelink_csv
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, arkit_vector
from gaussian_heads.core.spaces.shape_tables import AUDIO2FACE_SHAPES


def written(tmp_path, document, name="a.json"):
    path = tmp_path / name
    path.write_text(json.dumps(document), "utf8")
    return path


def solve(names, weights, **more):
    return {
        "exportFps": 30,
        "trackPath": "C:/speech.wav",
        "numPoses": len(names),
        "numFrames": len(weights),
        "facsNames": list(names),
        "weightMat": np.asarray(weights).tolist(),
        **more,
    }


def random_weights(num_frames, count, seed=1):
    return np.random.default_rng(seed).uniform(0, 1, (num_frames, count)).astype(np.float32)


def test_a_solve_for_arkits_names_is_its_weights(tmp_path):
    names = [*ARKIT_BLENDSHAPES[::-1], "tongueUp", "tongueTwistLeft"]
    weights = random_weights(9, 54)
    track = read_performance(written(tmp_path, solve(names, weights)))
    np.testing.assert_allclose(track.codes(), weights[:, 51::-1], atol=1e-6)
    assert track.fps == 30 and not track.head_pose.any()


def test_the_46_poses_of_the_older_face(tmp_path):
    names = list(AUDIO2FACE_SHAPES)
    assert len(names) == 46
    weights = random_weights(5, 46)
    track = read_performance(written(tmp_path, solve(names, weights)))
    codes, column = track.codes(), {n: weights[:, i] for i, n in enumerate(names)}
    for control, expected in {
        "jawOpen": column["jawDrop"],
        "mouthClose": column["jawDropLipTowards"],
        "mouthSmileLeft": column["lipCornerPullerL"],
        "eyeLookInLeft": column["eyesLookRight"],
        "eyeLookOutRight": column["eyesLookRight"],
        "browInnerUp": 0.5 * (column["innerBrowRaiserL"] + column["innerBrowRaiserR"]),
        "mouthShrugUpper": 0.3 * column["chinRaiser"],
    }.items():
        np.testing.assert_allclose(codes[:, ARKIT_INDEX[control]], expected, atol=1e-6)
    # Every control but the tongue and the lips' own rest moves.
    assert set(np.flatnonzero(~codes.any(axis=0))) == {ARKIT_INDEX["tongueOut"]}


def test_poses_may_stand_in_rows_and_the_rate_be_given(tmp_path):
    names, weights = ARKIT_BLENDSHAPES, random_weights(7, 52)
    document = solve(names, weights.T)
    del document["exportFps"]
    path = written(tmp_path, document)
    with pytest.raises(TrackError, match="give the rate"):
        read_performance(path)
    track = read_performance(path, Fraction(24))
    np.testing.assert_allclose(track.codes(), weights, atol=1e-6)
    assert track.fps == 24


@pytest.mark.parametrize("is_flat", [False, True])
def test_records_with_time_codes(tmp_path, is_flat):
    shapes = [{"JawOpen": i / 10, "EyeBlinkLeft": 0.5, "MouthClose": 0.0} for i in range(6)]
    records = [
        {"timeCode": i / 60, **({f"blendShapes.{k}": v for k, v in shape.items()})}
        if is_flat
        else {"timeCode": i / 60, "blendShapes": shape}
        for i, shape in enumerate(shapes)
    ]
    track = read_performance(written(tmp_path, records))
    assert track.fps == 60 and track.num_frames == 6
    np.testing.assert_allclose(
        track.codes()[4], arkit_vector({"jawOpen": 0.4, "eyeBlinkLeft": 0.5})
    )


def test_names_beside_frames_of_weights(tmp_path):
    weights = random_weights(4, 52)
    document = {
        "names": list(ARKIT_BLENDSHAPES),
        "metadata": {"fps": 25.0, "frame_count": 4},
        "frames": [{"weights": row.tolist(), "time": i / 25} for i, row in enumerate(weights)],
    }
    track = read_performance(written(tmp_path, document))
    np.testing.assert_allclose(track.codes(), weights, atol=1e-6)
    assert track.fps == 25


def test_numbers_that_are_none_are_bridged(tmp_path):
    weights = random_weights(3, 52).tolist()
    weights[1][ARKIT_INDEX["jawOpen"]] = float("nan")
    track = read_performance(written(tmp_path, solve(ARKIT_BLENDSHAPES, weights)))
    jaw = track.codes()[:, ARKIT_INDEX["jawOpen"]]
    assert jaw[1] == pytest.approx((jaw[0] + jaw[2]) / 2)


def test_content_decides_not_the_name(tmp_path):
    codes = random_weights(5, 52)
    track = ExpressionTrack(
        {"speech": codes}, np.zeros((5, 6), np.float32), "arkit52", Fraction(25)
    )
    track.save(tmp_path / "a.npz")
    (tmp_path / "a.npz").rename(tmp_path / "a.csv")
    write_livelink_csv(track, tmp_path / "b.json")
    for name in ("a.csv", "b.json"):
        again = read_performance(tmp_path / name)
        np.testing.assert_allclose(again.codes(), codes, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"   \n", "is empty"),
        (b"PK\x03\x04broken", "not an expression track"),
        (b'{"facsNames": ["jawOpen"]', "not a blendshape solve"),
        (b"[" * 200_000, "not a blendshape solve"),
        (b"[]", "no frames"),
        (b'{"facsNames": [], "weightMat": []}', "no frames"),
        (b'{"facsNames": ["jawOpen", "a", "b"], "weightMat": [[1], [2]], "fps": 30}', "3 poses"),
        (b'{"facsNames": ["jawOpen"], "weightMat": [[1], [2, 3]], "fps": 30}', "not a blendshape"),
        (b'{"facsNames": ["a", "b"], "weightMat": [[1, 2]], "fps": 30}', "neither ARKit"),
        (b'{"facsNames": ["jawOpen"], "weightMat": [["x"]], "fps": 30}', "not a blendshape"),
        (b'[{"timeCode": 0, "blendShapes": {}}]', "no weights"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "export"),
    ],
)
def test_broken_files_are_refused_in_a_sentence(tmp_path, content, reason):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(TrackError, match=reason):
        read_performance(path)


def test_rates_that_are_none_are_refused(tmp_path):
    from gaussian_heads.core.errors import TimingError

    document = solve(ARKIT_BLENDSHAPES, random_weights(3, 52), exportFps=-5)
    with pytest.raises(TimingError, match="frame rate"):
        read_performance(written(tmp_path, document))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(TrackError, match="There is no file"):
        read_performance(tmp_path / "none.csv")


@pytest.mark.parametrize("kind", ["csv", "json", "npz"])
def test_damaged_files_are_read_or_refused_never_more(tmp_path, kind):
    codes = random_weights(12, 52)
    track = ExpressionTrack(
        {"speech": codes}, np.zeros((12, 6), np.float32), "arkit52", Fraction(30)
    )
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        write_livelink_csv(track, path)
    elif kind == "npz":
        track.save(path)
    else:
        written(tmp_path, solve(ARKIT_BLENDSHAPES, codes))
    whole, rng, num_refused = path.read_bytes(), np.random.default_rng(8), 0
    pieces = (b"nan", b"1e999", b"null", b"[]", b",", b"\n", b"\x00", b"99:99:99:99", b"\xff")
    for _ in range(250):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 6)):
            at = int(rng.integers(len(data)))
            length = int(rng.integers(0, 80))
            data[at : at + length] = pieces[rng.integers(len(pieces))] * int(rng.integers(0, 2))
        path.write_bytes(bytes(data))
        try:
            assert np.isfinite(read_performance(path).codes()).all()
        except GaussianHeadsError as error:
            num_refused += 1
            assert len(str(error).splitlines()) == 1
    assert num_refused > 20
