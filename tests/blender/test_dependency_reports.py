"""A package that is missing or of another version is named where users look: reports, frames, preferences, commands."""

import bpy
import pytest
from gaussian_heads.blender import cli, frame
from gaussian_heads.blender.preferences import GAUSSIAN_HEADS_AP_preferences
from gaussian_heads.core import dependencies
from gaussian_heads.core.dependencies import Dependency
from gaussian_heads.operators import base, import_avatar

SENTENCE = "The Python package 'no-such-package', which draws nothing, is missing: "


@pytest.fixture
def lacking(monkeypatch):
    """An engine that needs a package which nobody has, and says so as in Blender."""
    wanted = Dependency("no_such_package", "no-such-package", "draws nothing", "1")
    monkeypatch.setattr(dependencies, "DEPENDENCIES", (wanted,))
    monkeypatch.setattr(dependencies, "_told", set())
    monkeypatch.setattr(base, "reraise_unexpected", False)
    dependencies._problems.cache_clear()
    yield
    dependencies._problems.cache_clear()


def fail(*words, **options):
    raise ModuleNotFoundError("No module named 'no_such_package'", name="no_such_package")


def test_the_first_button_warns_once_and_works(lacking, avatar_file, scene, capfd):
    for _ in range(2):
        bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file))
    assert len(bpy.data.objects) == 2
    assert capfd.readouterr().out.count(SENTENCE) == 1


def test_a_failed_import_is_the_sentence_of_its_button(lacking, monkeypatch, scene, avatar_file):
    monkeypatch.setattr(import_avatar, "load_avatar", fail)
    with pytest.raises(RuntimeError, match=SENTENCE):
        bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file))


def test_a_frame_that_cannot_be_drawn_says_why(lacking, monkeypatch, head, camera, tmp_path):
    monkeypatch.setattr(frame, "draw_frame", fail)
    bpy.context.scene.render.filepath = str(tmp_path / "x.png")
    with pytest.raises(RuntimeError, match=SENTENCE):
        bpy.ops.render.render(write_still=True)
    assert not (tmp_path / "x.png").exists()


def test_a_command_says_why(lacking, monkeypatch, capsys):
    monkeypatch.setattr(cli.commands, "info", fail)
    assert cli.main(["info", "builtin:ada"]) == cli.EXIT_FAILED
    said = capsys.readouterr().err
    assert said.startswith(f"gaussian-heads: {SENTENCE}") and "Traceback" not in said


def test_the_preferences_say_it_until_it_is_mended(lacking, monkeypatch):
    labels = []

    class Paper:
        alert = use_property_split = False

        def row(self, **options):
            return self

        def label(self, text="", icon=""):
            labels.append((text, icon))

        def prop(self, *words, **options):
            pass

        operator = prop

    drawn = type("Drawn", (), {"layout": Paper()})()
    GAUSSIAN_HEADS_AP_preferences.draw(drawn, bpy.context)
    assert any(text.startswith(SENTENCE) and icon == "ERROR" for text, icon in labels)
    labels.clear()
    monkeypatch.setattr(dependencies, "DEPENDENCIES", ())
    dependencies._problems.cache_clear()
    GAUSSIAN_HEADS_AP_preferences.draw(drawn, bpy.context)
    assert labels and not any(text.startswith(SENTENCE) for text, _ in labels)
