"""The list of avatars: shipped, of the user's folder, used lately; their portraits; the Add menu."""

import shutil
import time
from types import SimpleNamespace

import bpy
import pytest
from gaussian_heads.blender.library import avatars as library
from gaussian_heads.blender.library import properties as library_properties
from gaussian_heads.blender.library import thumbnails
from gaussian_heads.blender.viewing import is_small, look_at_small
from gaussian_heads.core.avatar.summary import read_summary
from gaussian_heads.core.errors import AvatarError
from gaussian_heads.operators import import_avatar
from mathutils import Matrix

pytestmark = pytest.mark.usefixtures("user_folder")


def labels(source):
    return [entry.label for entry in library.library_entries() if entry.source == source]


def test_shipped_avatars_come_first_and_the_default_before_all(scene):
    assert labels("SHIPPED") == ["Maya", "Ada", "Kofi", "Mei", "Otto"]
    assert bpy.context.window_manager.gaussian_heads_library.avatar == "builtin:maya"


def test_folder_lists_avatars_and_reads_them_again_now_and_then(
    scene, user_folder, avatar_file, monkeypatch
):
    assert labels("FOLDER") == []
    place = user_folder / "avatars" / "cast"
    place.mkdir(parents=True)
    shutil.copy(avatar_file, place / "the_hero.uhap")
    (place / ".hidden.uhap").write_bytes(b"")
    assert labels("FOLDER") == [], "a moment ago it was empty"
    now_sec = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_sec + library.REFRESH_SEC + 1)
    assert labels("FOLDER") == ["The Hero"]
    chosen = bpy.context.window_manager.gaussian_heads_library
    chosen.avatar = str(place / "the_hero.uhap")
    assert chosen.avatar == str(place / "the_hero.uhap")
    (place / "the_hero.uhap").unlink()
    library.forget_library()
    assert chosen.avatar == "builtin:maya", "what is gone is not chosen"


def test_slow_drive_is_read_seldom(scene, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    reads = []

    def slow():
        reads.append(clock[0])
        clock[0] += 0.5
        return []

    monkeypatch.setattr(library, "_folder_files", slow)
    for _ in range(60):
        library.library_entries()
        clock[0] += 2.0
    assert reads == [1000.0, 1102.5], "half a second in a hundred"


def test_recent_files_are_remembered_once_each_last_first(
    scene, user_folder, avatar_file, tmp_path
):
    others = [shutil.copy(avatar_file, tmp_path / f"number_{n}.uhap") for n in range(14)]
    for path in others:
        library.remember_avatar(path)
    library.remember_avatar(others[5])
    recent = library.recent_avatars()
    assert recent[0].name == "number_5.uhap" and recent[1].name == "number_13.uhap"
    assert len(recent) == library.MAX_RECENT == len(set(recent))
    assert labels("RECENT")[0] == "Number 5"
    assert [path.name for path in user_folder.iterdir()] == [library.RECENT_FILE], (
        "nothing half written"
    )
    library.remember_avatar(next(iter(library.library_entries())).path)
    assert library.recent_avatars() == recent, "shipped ones are listed anyway"


@pytest.mark.parametrize("text", ["", "{}", "[1, null, []]", "[" * 100_000, '"x"'])
def test_damaged_list_of_recent_files_is_an_empty_one(scene, user_folder, text):
    user_folder.mkdir()
    (user_folder / library.RECENT_FILE).write_text(text)
    assert library.recent_avatars() == []


def test_operators_of_scripts_leave_no_trace_in_the_recent_files(scene, avatar_file):
    bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file))
    assert library.recent_avatars() == []


def test_summary_reads_manifest_and_portrait_alone(avatar_file):
    summary = read_summary(avatar_file)
    assert summary.manifest.num_gaussians == 600
    shipped = read_summary(library.library_entries()[0].path)
    assert shipped.thumbnail.startswith(b"\x89PNG") and shipped.manifest.info.name == "Maya"


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 broken", b"x" * 5000])
def test_summary_of_no_package_is_refused_with_a_sentence(tmp_path, data):
    (tmp_path / "bad.uhap").write_bytes(data)
    with pytest.raises(AvatarError, match="'bad.uhap' is not a complete .uhap package"):
        read_summary(tmp_path / "bad.uhap")


def test_portraits_are_read_by_a_timer_and_never_while_a_panel_draws(scene, monkeypatch):
    reads = []
    real = thumbnails.read_summary
    monkeypatch.setattr(thumbnails, "read_summary", lambda path: reads.append(path) or real(path))
    for _ in range(3):
        items = library_properties.library_items()
    assert not reads and bpy.app.timers.is_registered(thumbnails.read_waiting)
    assert [item[0] for item in items][:2] == ["builtin:maya", "builtin:ada"]
    while thumbnails.read_waiting() is not None:
        pass
    assert len(reads) == 5 and len(set(reads)) == 5
    library_properties.library_items()
    assert len(reads) == 5 and not thumbnails._waiting
    previews = thumbnails._previews[0]
    assert len(previews) == 5 and min(len(p.image_pixels) for p in previews.values()) > 1000


def test_portrait_of_a_damaged_file_is_none_and_read_once(scene, user_folder, monkeypatch):
    (user_folder / "avatars").mkdir(parents=True)
    (user_folder / "avatars" / "bad.uhap").write_bytes(b"no package")
    library.forget_library()
    library_properties.library_items()
    while thumbnails.read_waiting() is not None:
        pass
    entry = next(
        e
        for e in library.library_entries()
        if e.reference == str(user_folder / "avatars" / "bad.uhap")
    )
    assert thumbnails.icon_id(entry) == 0 and not thumbnails._waiting
    with pytest.raises(RuntimeError, match="bad.uhap"):
        bpy.ops.gaussian_heads.import_avatar(filepath=str(entry.path))


class Menu:
    """Stands in for the layout of a menu."""

    operator_context = ""

    def __init__(self):
        self.entries, self.menus = [], []

    def operator(self, name, *, text, **_):
        button = SimpleNamespace(name=name, text=text, builtin="", filepath="")
        self.entries.append(button)
        return button

    def separator(self):
        self.entries.append(None)

    def menu(self, name, **_):
        self.menus.append(name)


def test_add_menu_lists_shipped_avatars_and_the_users(scene, user_folder, avatar_file):
    (user_folder / "avatars").mkdir(parents=True)
    path = shutil.copy(avatar_file, user_folder / "avatars" / "mine.uhap")
    library.forget_library()
    menu = Menu()
    import_avatar.draw_add_menu(SimpleNamespace(layout=menu), bpy.context)
    assert menu.menus == ["GAUSSIAN_HEADS_MT_add"] and hasattr(bpy.types, menu.menus[0])
    import_avatar.GAUSSIAN_HEADS_MT_add.draw(SimpleNamespace(layout=menu), bpy.context)
    texts = [entry.text if entry else None for entry in menu.entries]
    assert texts == [
        "Maya", "Ada", "Kofi", "Mei", "Otto", None, "Mine", None,
        "Open .uhap File...", "Import LAM Head...",
    ]  # fmt: skip
    assert menu.entries[0].builtin == "maya" and menu.entries[6].filepath == str(path)
    for entry in filter(None, menu.entries):
        module, verb = entry.name.split(".")
        assert verb in dir(getattr(bpy.ops, module))


def test_entries_are_in_blenders_own_menus(scene):
    assert import_avatar.draw_add_menu in bpy.types.VIEW3D_MT_add._dyn_ui_initialize()
    drawn = bpy.types.TOPBAR_MT_file_import._dyn_ui_initialize()
    assert import_avatar.draw_import_menu in drawn


def test_folder_that_cannot_be_written_refuses_no_avatar(
    scene, user_folder, avatar_file, tmp_path, caplog
):
    user_folder.write_text("a file in the place of the folder")
    library.remember_avatar(shutil.copy(avatar_file, tmp_path / "x.uhap"))
    assert "cannot be written" in caplog.text and library.recent_avatars() == []
    assert labels("FOLDER") == []


def test_texts_of_menus_live_as_long_as_blender_may_show_them(scene):
    first, second = library_properties.library_items(), library_properties.library_items()
    assert all(
        a is b
        for one, other in zip(first, second, strict=True)
        for a, b in zip(one[:3], other[:3], strict=True)
    )


def test_several_dropped_avatars_stand_side_by_side_in_one_step(scene, avatar_file, tmp_path):
    names = ["a.uhap", "b.uhap"]
    for name in names:
        shutil.copy(avatar_file, tmp_path / name)
    files = [{"name": name} for name in names]
    bpy.ops.gaussian_heads.import_avatar(directory=str(tmp_path), files=files)
    heads = [obj for obj in scene.objects if obj.gaussian_head.avatar]
    assert sorted(obj.location.x for obj in heads) == pytest.approx([0.0, import_avatar.SPACING_M])
    (tmp_path / "c.uhap").write_bytes(b"no package")
    with pytest.raises(RuntimeError, match="c.uhap"):
        files = [{"name": "a.uhap"}, {"name": "c.uhap"}]
        bpy.ops.gaussian_heads.import_avatar(directory=str(tmp_path), files=files)
    assert len([obj for obj in scene.objects if obj.gaussian_head.avatar]) == 2


def test_list_costs_nothing_when_the_add_on_is_registered(registered):
    import gaussian_heads

    gaussian_heads.unregister()
    library.forget_library()
    gaussian_heads.register()
    assert library._listing.read_at_sec == float("-inf"), "no folder was read"
    assert not thumbnails._icons and not thumbnails._previews


def test_head_that_is_tiny_or_out_of_sight_is_told_from_one_that_is_not(scene, head):
    region = SimpleNamespace(width=400, height=400)

    def view(distance_m, aside_m=0.0):
        eye = Matrix.Translation((aside_m, -distance_m, 0)) @ Matrix.Rotation(1.5707963, 4, "X")
        window = Matrix(((2, 0, 0, 0), (0, 2, 0, 0), (0, 0, -1.0, -0.02), (0, 0, -1, 0)))
        return SimpleNamespace(perspective_matrix=window @ eye.inverted())

    bpy.context.view_layer.update()
    assert not is_small(region, view(0.8), head)
    assert is_small(region, view(8.0), head), "tiny"
    assert is_small(region, view(0.8, 3.0), head), "aside"
    assert is_small(region, view(-3.0), head), "behind"
    assert not look_at_small(bpy.context, head), "no view is moved in the background"
