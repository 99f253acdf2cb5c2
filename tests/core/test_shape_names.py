"""Shape keys of other characters: recognised by their names, driven by ARKit weights."""

import numpy as np
import pytest
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, META_VISEMES, viseme_to_arkit
from gaussian_heads.core.spaces.face_parts import part_indices
from gaussian_heads.core.spaces.name_tokens import joined
from gaussian_heads.core.spaces.shape_copy import shape_values, viseme_shares
from gaussian_heads.core.spaces.shape_names import CONTROLS, ShapeRow, find_arkit, match_shapes
from gaussian_heads.core.spaces.shape_tables import (
    COMMON_SHAPES,
    DIRECT_SETS,
    MICROSOFT_MIXTURES,
    REALLUSION_SHAPES,
    VISEME_POSES,
    VROID_SHAPES,
)


def snake(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


SPELLINGS = {
    "camel": lambda n: n,
    "pascal": lambda n: n[0].upper() + n[1:],
    "snake": snake,
    "short sides": lambda n: (
        n.replace("Left", "_L").replace("Right", "_R")
        if n[-4:] in ("Left", "ight") and n[:3] != "jaw" and n not in ("mouthLeft", "mouthRight")
        else n
    ),
    "blender sides": lambda n: n.removesuffix("Left") + ".L" if n.endswith("Left") else n,
    "short letter": lambda n: n.removesuffix("Left") + "L" if n.endswith("Left") else n,
    "prefix": lambda n: f"ARKit_{n}",
    "numbered": lambda n: (
        f"A{ARKIT_INDEX[n]:02d}_{'_'.join(w.capitalize() for w in snake(n).split('_'))}"
    ),
    "mesh": lambda n: f"head_lod0_mesh.blendShape1.{n}",
    "upper": lambda n: snake(n).upper(),
    "words": lambda n: snake(n).replace("_", " ").title(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_arkits_names_is_recognised(spelling):
    names = {SPELLINGS[spelling](name): name for name in ARKIT_BLENDSHAPES}
    match = match_shapes(["Basis", *names])
    assert {row.key: row.control for row in match.rows} == names
    assert {row.factor for row in match.rows} == {1.0}
    assert match.sets == ("ARKit",) and match.unmatched == ("Basis",)


def test_the_plainest_spelling_wins():
    match = match_shapes(["old_jawOpen", "jawOpen", "JawOpenFix", "corr_jawOpen"])
    assert [(row.key, row.control) for row in match.rows] == [("jawOpen", "jawOpen")]


def test_combinations_and_corrections_are_not_the_shape():
    names = [
        "jawOpen_mouthFunnel",
        "corrective_jawOpen",
        "eyeBlink_fix_jawOpen",
        "mouthSmileLeft_2",
    ]
    assert not find_arkit(names)


def test_names_without_sides_take_both():
    match = match_shapes(["mouthSmile", "jawOpen", "eyesClosed"])
    assert {(r.key, r.control, r.factor) for r in match.rows} == {
        ("jawOpen", "jawOpen", 1.0),
        ("mouthSmile", "mouthSmileLeft", 0.5),
        ("mouthSmile", "mouthSmileRight", 0.5),
        ("eyesClosed", "eyeBlinkLeft", 0.5),
        ("eyesClosed", "eyeBlinkRight", 0.5),
    }


def test_extras_beside_arkits_shapes_do_not_move_twice():
    # Ready Player Me has ARKit's 52, Oculus' 15 and a few more.
    names = [*ARKIT_BLENDSHAPES, *META_VISEMES, "mouthOpen", "mouthSmile", "eyesClosed"]
    match = match_shapes(names)
    assert {row.key for row in match.rows} == set(ARKIT_BLENDSHAPES)


def test_two_names_for_the_same_move_it_once():
    match = match_shapes(["blink", "eyesClosed", "まばたき"])
    assert len({row.key for row in match.rows}) == 1


def test_ict_halves_get_the_whole():
    match = match_shapes(["browInnerUp_L", "browInnerUp_R", "cheekPuff_L", "cheekPuff_R"])
    assert {(r.key, r.control, r.factor) for r in match.rows} == {
        (f"{control}_{side}", control, 1.0)
        for control in ("browInnerUp", "cheekPuff")
        for side in "LR"
    }


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (META_VISEMES, "Oculus"),
        ([f"vrc.v_{n.removeprefix('viseme_').lower()}" for n in META_VISEMES[:11]]
         + ["vrc.v_e", "vrc.v_ih", "vrc.v_oh", "vrc.v_ou"], "Oculus"),
        (list(MICROSOFT_MIXTURES), "Microsoft"),
        ([f"viseme_{i}" for i in range(22)], "Microsoft"),
        ([f"Face.M_F00_000_00_Fcl_MTH_{v}" for v in "AIUEO"], "VRM"),
        (["aa", "ih", "ou", "ee", "oh"], "VRM"),
        (["A", "I", "U", "E", "O"], "VRM"),
        (["あ", "い", "う", "え", "お"], "VRM"),
        (["V_Open", "V_Explosive", "V_Dental_Lip", "V_Tight_O", "V_Tight", "V_Wide"], "Reallusion"),
    ],
)  # fmt: skip
def test_visemes_of_every_set_are_recognised(names, title):
    match = match_shapes(["Basis", *names])
    assert match.sets == (title,)
    speaking = [name for name in names if not name.endswith(("sil", "sil_00", "viseme_0"))]
    assert {row.key for row in match.rows} == set(speaking)
    assert len({row.control for row in match.rows}) == len(speaking)


def test_vrm_has_vowels_blinks_and_brows():
    names = (
        [f"Fcl_MTH_{v}" for v in "AIUEO"]
        + list(VROID_SHAPES)[:-1]
        + ["Fcl_HA_Fung1", "Fcl_ALL_Joy"]
    )
    match = match_shapes(names)
    by_key = {row.key: row.control for row in match.rows}
    assert by_key["Fcl_MTH_U"] == "viseme_U" and by_key["Fcl_EYE_Close_R"] == "eyeBlinkRight"
    # With an eyelid for each side the one for both stays out.
    assert "Fcl_EYE_Close" in match.unmatched
    assert "Fcl_HA_Fung1" in match.unmatched and "Fcl_ALL_Joy" in match.unmatched
    mouth = {row.control for row in match.rows if row.control.startswith(("mouth", "jaw"))}
    assert mouth == {"mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"}
    assert "jawOpen" in match_shapes([*names, "jawOpen"]).unmatched


def test_reallusions_extended_face_needs_no_visemes():
    names = [
        *REALLUSION_SHAPES,
        "Jaw_Open",
        "Mouth_Smile_L",
        "Mouth_L",
        "Mouth_Close",
        "V_Open",
        "V_Wide",
        "V_Tight",
    ]
    match = match_shapes(names)
    by_key = {row.key: row.control for row in match.rows}
    assert by_key["Mouth_Pucker_Up_R"] == "mouthPucker" and by_key["Mouth_L"] == "mouthLeft"
    assert by_key["Eye_R_Look_L"] == "eyeLookInRight" and by_key["Brow_Drop_R"] == "browDownRight"
    assert "V_Open" in match.unmatched


def test_a_stray_letter_is_no_vowel():
    assert not match_shapes(["Basis", "A", "Key 1", "E"]).rows
    assert not match_shapes([]).rows
    assert "choose keys" in match_shapes(["Key 1"]).sentence()


def test_tables_name_controls_that_exist():
    for table in DIRECT_SETS.values():
        for weights in table.values():
            assert set(weights) <= set(ARKIT_BLENDSHAPES)
        assert len({joined(name) for name in table}) == len(table)
    assert set(CONTROLS) == {*ARKIT_BLENDSHAPES, *VISEME_POSES}
    assert len(MICROSOFT_MIXTURES) == 22 and "smile" in COMMON_SHAPES


@pytest.mark.parametrize("viseme", META_VISEMES[1:])
def test_a_viseme_is_found_again_in_its_own_weights(viseme):
    weights = viseme_to_arkit()[[META_VISEMES.index(viseme)]]
    shares = viseme_shares(weights, META_VISEMES)
    again = shares @ viseme_to_arkit()
    np.testing.assert_allclose(again, weights, atol=0.012)


def test_mixtures_of_visemes_are_reconstructed():
    rng = np.random.default_rng(4)
    shares = rng.dirichlet(np.full(15, 0.3), 300).astype(np.float32)
    weights = shares @ viseme_to_arkit()
    found = viseme_shares(weights, META_VISEMES)
    assert (found >= 0).all() and (found <= 1).all()
    error = np.abs(found @ viseme_to_arkit() - weights)[:, part_indices(["mouth"])]
    assert error.max() < 0.02 and error.mean() < 0.001


def test_the_nearest_mixture_beats_any_other():
    rng = np.random.default_rng(5)
    weights = rng.uniform(0, 0.5, (20, 52)).astype(np.float32)
    vowels = ["viseme_aa", "viseme_I", "viseme_U", "viseme_E", "viseme_O"]
    poses = viseme_to_arkit()[[META_VISEMES.index(v) for v in vowels]]
    mouth = part_indices(["mouth"])
    seen = np.ones(52)
    for name, weight in {
        "jawOpen": 2,
        "mouthClose": 2,
        "mouthFunnel": 1.5,
        "mouthPucker": 1.5,
    }.items():
        seen[ARKIT_INDEX[name]] = weight

    def cost(shares):
        return (((shares @ poses - weights) * seen)[:, mouth] ** 2).sum(1)

    best = viseme_shares(weights, vowels)
    for _ in range(200):
        other = np.clip(best + rng.normal(0, 0.05, best.shape), 0, 1)
        assert (cost(best) <= cost(other) + 1e-5).all()


def test_rows_of_one_key_add_up_and_factors_scale():
    weights = np.zeros((4, 52), np.float32)
    weights[:, ARKIT_INDEX["mouthSmileLeft"]] = (0, 0.2, 0.4, 1)
    weights[:, ARKIT_INDEX["mouthSmileRight"]] = (0, 0.6, 0.4, 1)
    rows = [
        ShapeRow("mouthSmileLeft", "smile", 0.5),
        ShapeRow("mouthSmileRight", "smile", 0.5),
        ShapeRow("mouthSmileLeft", "dimple", -2),
    ]
    values = shape_values(weights, rows)
    np.testing.assert_allclose(values["smile"], [0, 0.4, 0.4, 1], atol=1e-6)
    np.testing.assert_allclose(values["dimple"], [0, -0.4, -0.8, -2], atol=1e-6)


def test_visemes_leave_out_what_single_shapes_say():
    weights = viseme_to_arkit()[[META_VISEMES.index("viseme_aa")]]
    alone = shape_values(weights, [ShapeRow("viseme_aa", "A")])["A"][0]
    beside = shape_values(weights, [ShapeRow("viseme_aa", "A"), ShapeRow("jawOpen", "J")])
    assert alone == pytest.approx(1, abs=1e-3)
    assert beside["J"][0] == pytest.approx(0.55, abs=1e-6) and beside["A"][0] == pytest.approx(
        1, abs=1e-3
    )
