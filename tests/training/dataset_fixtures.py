"""A tiny made-up capture on disk for the tests of whatever reads captures."""

import numpy as np
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.training.dataset import layout
from gaussian_heads.training.dataset.targets import draw_target

from .head_fixtures import EYES, small_mesh, small_strands

SIDE_PX = 64
KINDS = ("neutral", "range", "combination", "speech", "range", "emotion")
MOVING = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")


def small_cameras(num_train=4):
    """Cameras around the front: `num_train` for training and two held out."""

    def camera(turn_deg):
        turn = np.radians(turn_deg)
        place = np.array([np.sin(turn), 0.1, np.cos(turn)]) * 0.6
        viewmat = look_at(place, np.array([0.0, -0.02, 0.0]), np.array([0.0, 1.0, 0.0]))
        return Camera(viewmat, intrinsics(2.2 * SIDE_PX, SIDE_PX, SIDE_PX), SIDE_PX, SIDE_PX)

    turns = np.linspace(-50, 50, num_train)
    return {
        "train": {f"cam{i:02d}": camera(turn) for i, turn in enumerate(turns)},
        "held_out": {"held0": camera(-20.0), "held1": camera(20.0)},
    }


def small_texture(seed, darkness=0.0, side=64):
    """A smooth lit texture of one person's own colour, uint8 [side, side, 3]."""
    tint = np.random.default_rng(seed).uniform(0.35, 0.8, 3)
    ramp = np.linspace(0.7, 1.0, side)
    shade = np.tile(ramp, (side, 1)) * ramp[:, None] * (1.0 - darkness)
    return np.round(255 * shade[..., None] * tint).astype(np.uint8)


def opaque(texture):
    return np.dstack([texture, np.full(texture.shape[:2], 255, np.uint8)])


def write_small_capture(root, num_train=2, num_validate=1, num_frames=5, *, with_strands=True):
    """Write a capture of made-up persons; frame 0 is neutral and the last frame is held out.

    Every second frame has a texture and pictures from two cameras, the last one from the held-out ones.
    """
    mesh = small_mesh()
    topology = layout.Topology(
        mesh.triangles.astype(np.int32), mesh.uvs.astype(np.float32), mesh.part.astype(np.int8),
        mesh.part_names, mesh.landmarks.astype(np.int32), mesh.neck_weights.astype(np.float32),
    )  # fmt: skip
    cameras = small_cameras()
    layout.write_topology(root, topology)
    layout.write_cameras(root, cameras)
    persons = {f"s{i:04d}": "train" for i in range(num_train)}
    persons |= {f"s{1000 + i:04d}": "validate" for i in range(num_validate)}
    for name, split in persons.items():
        write_small_person(root, mesh, topology, cameras, (name, split), num_frames, with_strands)
    info = layout.DatasetInfo("small", "a test", "none", "nobody", "dome")
    layout.write_dataset(root, info, persons)
    return root


def write_small_person(root, mesh, topology, cameras, person, num_frames, with_strands):
    name, split = person
    seed = int(name[1:])
    rng = np.random.default_rng(seed)
    neutral = (mesh.vertices * (1.0 + 0.05 * rng.standard_normal(3))).astype(np.float32)
    controls = np.zeros((num_frames, 52))
    index = [layout_index(n) for n in MOVING]
    controls[1:, index] = rng.uniform(0, 1, (num_frames - 1, len(index)))
    offsets = np.einsum("tc,cvk->tvk", controls, mesh.controls)
    frames = tuple(
        layout.Frame(
            f"f{t:03d}", KINDS[t % len(KINDS)], "held_out" if t == num_frames - 1 else "train"
        )
        for t in range(num_frames)
    )
    eyes = tuple(map(tuple, EYES.tolist()))
    layout.write_subject(
        root,
        layout.SubjectInfo(
            name, seed, split, (0.0, -0.1, -0.05), eyes, frames, {"sex": "female", "age": 30}
        ),
    )
    strands = {"brows": small_strands(mesh, 6, np.array([0.002, 0.004, 0.001]))}
    layout.write_neutral(root, name, neutral, strands if with_strands else {})
    layout.write_png(layout.neutral_texture_path(root, name), opaque(small_texture(seed)))
    layout.write_frames(root, name, offsets, controls)
    for t in range(0, num_frames, 2):
        texture = small_texture(seed, 0.3 * controls[t].max())
        layout.write_png(layout.texture_path(root, name, frames[t].name), texture)
        group = cameras[frames[t].split]
        vertices = neutral + offsets[t].astype(np.float16).astype(np.float32)
        for camera in list(group)[t % len(group) :][:2]:
            picture = draw_target(vertices, topology, texture / 255, group[camera])
            layout.write_png(layout.image_path(root, name, frames[t].name, camera), picture)


def layout_index(control):
    from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES

    return ARKIT_BLENDSHAPES.index(control)
