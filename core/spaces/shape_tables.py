"""What shape keys of other characters mean: their names as weights of ARKit controls, or as visemes.

Names are read from what the makers of each set publish; the weights are our own choice.
"""

from __future__ import annotations

from collections.abc import Mapping

from .arkit import ARKIT_BLENDSHAPES
from .visemes import VISEME_TO_ARKIT

Weights = Mapping[str, float]


def _both(name: str, weight: float = 0.5) -> dict[str, float]:
    return {f"{name}Left": weight, f"{name}Right": weight}


def _sided(table: Mapping[str, Weights]) -> dict[str, Weights]:
    """Rows of `_L` names with their mirror images."""
    mirrored = {
        f"{key[:-2]}_R": {name.replace("Left", "Right"): w for name, w in weights.items()}
        for key, weights in table.items()
    }
    return {**table, **mirrored}


# Without sides, as Ready Player Me adds them, and halves of what ARKit has whole, as ICT-FaceKit has.
COMMON_SHAPES: Mapping[str, Weights] = {
    **{
        name.removesuffix("Left"): _both(name.removesuffix("Left"))
        for name in ARKIT_BLENDSHAPES
        if name.endswith("Left") and name not in ("jawLeft", "mouthLeft")
    },
    **_sided({"browInnerUp_L": {"browInnerUp": 1.0}, "cheekPuff_L": {"cheekPuff": 1.0}}),
    "mouthOpen": {"jawOpen": 1.0},
    "eyesClosed": _both("eyeBlink"),
    "eyesLookUp": _both("eyeLookUp"),
    "eyesLookDown": _both("eyeLookDown"),
    "smile": _both("mouthSmile"),
    "blink": _both("eyeBlink"),
    **_sided({"blink_L": {"eyeBlinkLeft": 1.0}}),
}

# VRoid Studio's shape keys (VRM); its vowels stand among the visemes below.
VROID_SHAPES: Mapping[str, Weights] = {
    "Fcl_EYE_Close": _both("eyeBlink"),
    **_sided({"Fcl_EYE_Close_L": {"eyeBlinkLeft": 1.0}}),
    "Fcl_EYE_Spread": _both("eyeWide"),
    "Fcl_BRW_Surprised": _both("browOuterUp"),
    "Fcl_BRW_Angry": _both("browDown"),
    "Fcl_BRW_Sorrow": {"browInnerUp": 0.6},
    "Fcl_MTH_Fun": _both("mouthSmile"),
    "Fcl_MTH_Angry": _both("mouthFrown"),
    "まばたき": _both("eyeBlink"),
}

# Reallusion Character Creator 3 and 4; the extended profile splits what ARKit has whole.
REALLUSION_SHAPES: Mapping[str, Weights] = {
    **_sided(
        {
            "Brow_Drop_L": {"browDownLeft": 1.0},
            "Brow_Raise_Inner_L": {"browInnerUp": 1.0},
            "Brow_Raise_Outer_L": {"browOuterUpLeft": 1.0},
            "Cheek_Raise_L": {"cheekSquintLeft": 1.0},
            "Cheek_Blow_L": {"cheekPuff": 1.0},
            "Mouth_Roll_In_Upper_L": {"mouthRollUpper": 1.0},
            "Mouth_Roll_In_Lower_L": {"mouthRollLower": 1.0},
            "Mouth_Funnel_Up_L": {"mouthFunnel": 1.0},
            "Mouth_Funnel_Down_L": {"mouthFunnel": 1.0},
            "Mouth_Pucker_Up_L": {"mouthPucker": 1.0},
            "Mouth_Pucker_Down_L": {"mouthPucker": 1.0},
            "Mouth_Up_Upper_L": {"mouthUpperUpLeft": 1.0},
            "Mouth_Down_Lower_L": {"mouthLowerDownLeft": 1.0},
        }
    ),
    "Eye_L_Look_L": {"eyeLookOutLeft": 1.0},
    "Eye_L_Look_R": {"eyeLookInLeft": 1.0},
    "Eye_R_Look_L": {"eyeLookInRight": 1.0},
    "Eye_R_Look_R": {"eyeLookOutRight": 1.0},
    "Eye_L_Look_Up": {"eyeLookUpLeft": 1.0},
    "Eye_L_Look_Down": {"eyeLookDownLeft": 1.0},
    "Eye_R_Look_Up": {"eyeLookUpRight": 1.0},
    "Eye_R_Look_Down": {"eyeLookDownRight": 1.0},
    "Mouth_Roll_In_Upper": {"mouthRollUpper": 1.0},
    "Mouth_Roll_In_Lower": {"mouthRollLower": 1.0},
    "Tongue_Out": {"tongueOut": 1.0},
}

# NVIDIA Audio2Face's own face before it came with ARKit's names: what each of its 46 poses adds.
AUDIO2FACE_SHAPES: Mapping[str, Weights] = {
    **{
        f"{name}{side[0]}": {control.format(side): 1.0}
        for name, control in {
            "browLower": "browDown{}",
            "outerBrowRaiser": "browOuterUp{}",
            "eyesClose": "eyeBlink{}",
            "eyesUpperLidRaiser": "eyeWide{}",
            "squint": "eyeSquint{}",
            "cheekRaiser": "cheekSquint{}",
            "noseWrinkler": "noseSneer{}",
            "dimpler": "mouthDimple{}",
            "lipCornerPuller": "mouthSmile{}",
            "lipCornerDepressor": "mouthFrown{}",
            "lipStretcher": "mouthStretch{}",
            "upperLipRaiser": "mouthUpperUp{}",
            "lowerLipDepressor": "mouthLowerDown{}",
        }.items()
        for side in ("Left", "Right")
    },
    **{f"innerBrowRaiser{side}": {"browInnerUp": 0.5} for side in "LR"},
    **{f"cheekPuff{side}": {"cheekPuff": 0.5} for side in "LR"},
    "eyesLookLeft": {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0},
    "eyesLookRight": {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0},
    "eyesLookUp": _both("eyeLookUp", 1.0),
    "eyesLookDown": _both("eyeLookDown", 1.0),
    "jawDrop": {"jawOpen": 1.0},
    "jawDropLipTowards": {"mouthClose": 1.0},
    "jawThrust": {"jawForward": 1.0},
    "jawSlideLeft": {"jawLeft": 1.0},
    "jawSlideRight": {"jawRight": 1.0},
    "mouthSlideLeft": {"mouthLeft": 1.0},
    "mouthSlideRight": {"mouthRight": 1.0},
    "chinRaiser": {"mouthShrugLower": 1.0, "mouthShrugUpper": 0.3},
    "lipPressor": _both("mouthPress", 1.0),
    "pucker": {"mouthPucker": 1.0},
    "funneler": {"mouthFunnel": 1.0},
    "lipSuck": {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
}

# The 22 visemes of Microsoft's speech services by MPFB's names, as mixtures of the 15 of Oculus.
MICROSOFT_MIXTURES: Mapping[str, Weights] = {
    "sil_00": {},
    "aa_ah_ax_01": {"viseme_aa": 0.7},
    "aa_02": {"viseme_aa": 1.0},
    "ao_03": {"viseme_O": 0.8, "viseme_aa": 0.2},
    "ey_eh_uh_04": {"viseme_E": 1.0},
    "er_05": {"viseme_RR": 0.7, "viseme_E": 0.3},
    "y_iy_ih_ix_06": {"viseme_I": 1.0},
    "w_uw_07": {"viseme_U": 1.0},
    "ow_08": {"viseme_O": 0.7, "viseme_U": 0.3},
    "aw_09": {"viseme_aa": 0.6, "viseme_U": 0.4},
    "oy_10": {"viseme_O": 0.6, "viseme_I": 0.4},
    "ay_11": {"viseme_aa": 0.6, "viseme_I": 0.4},
    "h_12": {"viseme_kk": 0.7},
    "r_13": {"viseme_RR": 1.0},
    "l_14": {"viseme_nn": 1.0},
    "s_z_15": {"viseme_SS": 1.0},
    "sh_ch_jh_zh_16": {"viseme_CH": 1.0},
    "th_dh_17": {"viseme_TH": 1.0},
    "f_v_18": {"viseme_FF": 1.0},
    "d_t_n_19": {"viseme_DD": 0.5, "viseme_nn": 0.5},
    "k_g_ng_20": {"viseme_kk": 1.0},
    "p_b_m_21": {"viseme_PP": 1.0},
}

_VOWELS = ("viseme_aa", "viseme_I", "viseme_U", "viseme_E", "viseme_O")
# Other spellings of the 15, by whose they are; the first entry of a set is matched first.
VISEME_SPELLINGS: Mapping[str, Mapping[str, str]] = {
    "Oculus": {name: name for name in VISEME_TO_ARKIT}
    | {f"v_{name.removeprefix('viseme_')}": name for name in VISEME_TO_ARKIT}
    | {
        f"{start}_{ending}": f"viseme_{vowel}"
        for start in ("viseme", "v")
        for ending, vowel in {"ih": "I", "oh": "O", "ou": "U", "ee": "E"}.items()
    },
    "VRM": {
        spelling.format(letter): viseme
        for letters, spelling in (
            ("AIUEO", "Fcl_MTH_{}"),
            ("AIUEO", "MTH_{}"),
            (("aa", "ih", "ou", "ee", "oh"), "{}"),
            ("AIUEO", "{}"),
            ("あいうえお", "{}"),
        )
        for letter, viseme in zip(letters, _VOWELS, strict=True)
    },
    "Reallusion": {
        "V_Open": "viseme_aa",
        "V_Explosive": "viseme_PP",
        "V_Dental_Lip": "viseme_FF",
        "V_Tight_O": "viseme_U",
        "V_Tight": "viseme_SS",
        "V_Wide": "viseme_I",
        "V_Affricate": "viseme_CH",
        "V_Lip_Open": "viseme_E",
    },
}


def _mixed(weights: Weights) -> dict[str, float]:
    total: dict[str, float] = {}
    for viseme, share in weights.items():
        for name, weight in VISEME_TO_ARKIT[viseme].items():
            total[name] = total.get(name, 0.0) + share * weight
    return total


# Every viseme that a character may have, as ARKit weights at full strength.
VISEME_POSES: Mapping[str, Weights] = {
    **VISEME_TO_ARKIT,
    **{name: _mixed(weights) for name, weights in MICROSOFT_MIXTURES.items()},
}

DIRECT_SETS: Mapping[str, Mapping[str, Weights]] = {
    "ARKit": {name: {name: 1.0} for name in ARKIT_BLENDSHAPES},
    "Reallusion": REALLUSION_SHAPES,
    "VRoid": VROID_SHAPES,
    "Common": COMMON_SHAPES,
}
