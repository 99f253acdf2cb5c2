"""Render 2D Portrait: what the head does on the scene's range, beside the interface and at once."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.portraits.rendering import (
    PortraitRender,
    PortraitRendering,
    stop_running,
)
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.errors import GaussianHeadsError, ModelError
from gaussian_heads.core.portrait import model as model_module
from gaussian_heads.core.portrait.order import PortraitOrder
from gaussian_heads.core.synthetic import video_note
from gaussian_heads.core.video import VideoFile
from gaussian_heads.operators import render_portrait
from gaussian_heads.panels import portrait as panel
from PIL import Image

from .conftest import make_track
from .layout import Layout, draw
from .portraits import STATEMENT


@pytest.fixture
def acting_head(scene, head):
    """A head that speaks and turns on frames 1 to 12, the scene at frame 5."""
    bake_track(head, make_track(12), first_frame=1)
    for frame, turn in ((1, 0.0), (12, 0.3)):
        head.gaussian_head.head_rotation = (0.0, turn, 0.0)
        head.keyframe_insert("gaussian_head.head_rotation", frame=frame)
    scene.frame_start, scene.frame_end = 1, 12
    scene.frame_set(5)
    bpy.context.view_layer.objects.active = head
    return head


def run(photo, out, **more):
    return bpy.ops.gaussian_heads.render_portrait(
        filepath=str(photo), out=str(out), statement=STATEMENT, is_agreed=True, **more
    )


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_frames_show_what_the_head_does(
    scene,
    acting_head,
    painter,
    portrait_photo,
    tmp_path,
):
    assert run(portrait_photo, tmp_path / "film") == {"FINISHED"}
    frames = bytes_of(tmp_path / "film")
    assert sorted(frames) == [f"{frame:04d}.png" for frame in range(1, 13)]
    assert len(set(frames.values())) == 12 and scene.frame_current == 5
    image = Image.open(tmp_path / "film" / "0001.png")
    image.load()
    assert image.size == (256, 256) and STATEMENT in image.text["Synthetic"]


def test_what_is_there_is_not_drawn_again(acting_head, painter, portrait_photo, tmp_path):
    run(portrait_photo, tmp_path / "film")
    before, drawn = bytes_of(tmp_path / "film"), len(painter.drawn)
    (tmp_path / "film" / "0010.png").unlink()
    run(portrait_photo, tmp_path / "film")
    assert bytes_of(tmp_path / "film") == before and len(painter.drawn) == drawn + 1


def test_hand_keys_count_and_replace_what_was_drawn(
    acting_head,
    painter,
    portrait_photo,
    tmp_path,
):
    run(portrait_photo, tmp_path / "film")
    before = bytes_of(tmp_path / "film")
    acting_head.gaussian_head.arkit.jawOpen = 0.9
    run(portrait_photo, tmp_path / "film")
    after = bytes_of(tmp_path / "film")
    assert sorted(after) == sorted(before)
    assert all(after[name] != before[name] for name in before)


def test_a_video_has_the_scenes_sound(
    scene,
    acting_head,
    painter,
    portrait_photo,
    clicks,
    tmp_path,
):
    sound = clicks(0.5, [0.25])
    strip_collection(scene).new_sound("talk", str(sound), channel=1, frame_start=1)
    assert run(portrait_photo, tmp_path / "film.mp4", side_px=64) == {"FINISHED"}
    info = VideoFile.open(tmp_path / "film.mp4").info
    assert (info.width, info.num_frames, info.has_sound) == (64, 12, True)
    assert STATEMENT in video_note(tmp_path / "film.mp4")
    assert [s.filepath for s in bpy.data.sounds] == [str(sound)]
    assert [s.name for s in bpy.data.scenes] == [scene.name]
    assert not (tmp_path / "film.frames").exists()


def test_a_scene_without_sound_gives_a_silent_video(
    acting_head,
    painter,
    portrait_photo,
    tmp_path,
):
    run(portrait_photo, tmp_path / "film.mp4", side_px=64)
    assert VideoFile.open(tmp_path / "film.mp4").info.num_frames == 12


def test_the_output_lies_beside_the_photo_where_none_is_named(
    scene,
    acting_head,
    painter,
    portrait_photo,
    tmp_path,
):
    scene.frame_end = 2
    assert run(portrait_photo, "") == {"FINISHED"}
    assert (tmp_path / "mei_portrait.mp4").is_file()


@pytest.mark.parametrize(
    "given",
    [{}, {"statement": STATEMENT}, {"is_agreed": True}, {"statement": " ", "is_agreed": True}],
)
def test_without_agreement_nothing_is_made(
    acting_head,
    painter,
    portrait_photo,
    tmp_path,
    given,
):
    with pytest.raises(RuntimeError, match="without the agreement of the person shown"):
        bpy.ops.gaussian_heads.render_portrait(
            filepath=str(portrait_photo), out=str(tmp_path / "film"), **given
        )
    assert not (tmp_path / "film").exists() and not painter.drawn


@pytest.mark.parametrize(
    ("out", "more", "sentence"),
    [
        ("film.mov", {}, "is no .mp4 and no folder"),
        ("film.mp4", {"side_px": 65}, "even sides"),
    ],
)
def test_bad_outputs_are_refused(
    acting_head,
    painter,
    portrait_photo,
    tmp_path,
    out,
    more,
    sentence,
):
    with pytest.raises(RuntimeError, match=sentence):
        run(portrait_photo, tmp_path / out, **more)


def test_without_a_photo_or_a_range(scene, acting_head, painter, portrait_photo, tmp_path):
    with pytest.raises(RuntimeError, match="No photo is chosen"):
        run("", tmp_path / "film")
    render = PortraitRender(
        PortraitOrder(portrait_photo, STATEMENT), tmp_path / "film", range(5, 5)
    )
    with pytest.raises(GaussianHeadsError, match="The scene's range has no frame"):
        render.check()


def test_without_a_head_the_button_says_why(scene):
    assert not bpy.ops.gaussian_heads.render_portrait.poll()
    assert render_portrait.GAUSSIAN_HEADS_OT_render_portrait.why_not(bpy.context)


def rendering(scene, head, photo, out):
    order = PortraitOrder(photo, STATEMENT)
    frames = range(scene.frame_start, scene.frame_end + 1)
    return PortraitRendering(scene, head, PortraitRender(order, out, frames))


def test_a_stop_keeps_finished_frames_and_the_scene(
    scene,
    acting_head,
    painter,
    portrait_photo,
    tmp_path,
):
    whole = tmp_path / "whole"
    run(portrait_photo, whole)
    painter.drawn.clear()
    steps = rendering(scene, acting_head, portrait_photo, tmp_path / "film").steps()
    for done in steps:
        if done > 0.05:
            break
    steps.close()
    assert scene.frame_current == 5 and not painter.drawn and not (tmp_path / "film").exists()
    painter.stop_after = 1
    with pytest.raises(GaussianHeadsError, match="was stopped"):
        list(rendering(scene, acting_head, portrait_photo, tmp_path / "film").steps())
    kept = bytes_of(tmp_path / "film")
    assert 0 < len(kept) < 12
    painter.stop_after = 100
    again = rendering(scene, acting_head, portrait_photo, tmp_path / "film")
    told = list(again.steps())
    assert told == sorted(told) and told[-1] == 1.0
    assert again.num_drawn == 12 - len(kept)
    assert bytes_of(tmp_path / "film") == bytes_of(whole)


def test_what_draws_stops_with_the_add_on(
    scene,
    acting_head,
    painter,
    portrait_photo,
    tmp_path,
    monkeypatch,
):
    steps = rendering(scene, acting_head, portrait_photo, tmp_path / "film").steps()

    def switched_off(self, *_, progress, **__):
        stop_running()
        assert progress(0.0) is False
        raise model_module.PortraitStopped("Drawing the portrait was stopped.")

    monkeypatch.setattr(type(painter), "draw", switched_off)
    with pytest.raises(GaussianHeadsError, match="was stopped"):
        list(steps)
    assert not bytes_of(tmp_path / "film")


def test_the_panel_offers_it_or_says_why_not(acting_head, portrait_networks, monkeypatch):
    drawn = draw(panel.GAUSSIAN_HEADS_PT_portrait)
    assert drawn.operators == ["gaussian_heads.render_portrait"]
    assert " ".join(drawn.labels).startswith("One photo speaks and acts as this head does")

    def missing():
        raise ModelError("The portrait network is not part of this build: take another.")

    monkeypatch.setattr(model_module, "require_networks", missing)
    drawn = draw(panel.GAUSSIAN_HEADS_PT_portrait)
    assert "is not part of this build" in " ".join(drawn.labels)
    assert not bpy.ops.gaussian_heads.render_portrait.poll()


def test_the_dialog_asks_for_what_is_missing():
    layout = Layout()
    operator = SimpleNamespace(
        bl_rna=bpy.ops.gaussian_heads.render_portrait.get_rna_type(),
        layout=layout,
        was_asked=True,
        was_refused=True,
        filepath="/photos/mei.png",
        missing=render_portrait.GAUSSIAN_HEADS_OT_render_portrait.missing,
        placeholder="",
        has_agreement=lambda: False,
    )
    cls = render_portrait.GAUSSIAN_HEADS_OT_render_portrait
    operator.draw_agreement = lambda box: cls.draw_agreement(operator, box)
    cls.draw(operator, bpy.context)
    assert layout.properties == ["statement", "is_agreed", "out", "side_px"]
    assert layout.labels == ["mei.png", cls.missing]


def test_the_landmarks_are_those_of_each_frame(
    scene, acting_head, painter, portrait_photo, tmp_path
):
    """The film's points are what the rig says of the head evaluated there, muted layers left out."""
    from gaussian_heads.blender.portraits.sampling import SampledPoints
    from gaussian_heads.core.portrait.sitting import Sitting

    from ..core.portrait_photos import head as builtin

    rig = Sitting.of(PortraitOrder(portrait_photo, STATEMENT)).rig(builtin("ada"))
    bpy.ops.object.select_all(action="DESELECT")
    sampled = SampledPoints(range(1, 13))
    told = list(sampled.sample(scene, acting_head, rig, [3, 9]))
    assert told == [0.5, 1.0]
    known = np.isfinite(sampled.points).all((1, 2))
    assert np.flatnonzero(known).tolist() == [2, 8]
