"""One person of a capture: scan, tracked frames, baked light and pictures, each made only once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import groupby

import numpy as np

from ...core.files import replace_on_success
from ..atlas_texels import texel_map
from ..dataset import layout, stored
from ..dataset.layout import NEUTRAL_FRAME, CaptureError, Frame
from ..srgb import linear_to_srgb
from . import ict
from .bake import LightBaker
from .eyes import turned_eyes
from .grooming import groom, light_strands
from .identity import person as choose_person
from .image import pool
from .lighting import RIGS, Rig
from .material_maps import Surfaces
from .mesh import PART_NAMES, HeadMesh, build_mesh
from .people_plan import Person, Plan, Settings, make_cameras, plan_person
from .performance import performance
from .scene import Studio
from .surfaces import build_surfaces
from .texels import Texels, build_texels

# A scan that was made by another version of the studio strays by more than this (m).
SAME_M = 1e-5
Report = Callable[[str, float], None]


@dataclass
class Workshop:
    """The studio's tools; what depends on the topology alone is made once for many persons."""

    settings: Settings
    model: ict.IctModel
    located: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def texels(self, mesh: HeadMesh, resolution: int) -> Texels:
        """The atlas of a head at some resolution."""
        if resolution not in self.located:
            self.located[resolution] = texel_map(mesh.uvs, resolution)
        return build_texels(mesh, resolution, self.located[resolution])


class PersonMaker:
    """Makes what the folder lacks of one person, and reports each finished piece with its seconds."""

    def __init__(self, workshop: Workshop, person: Person, report: Report) -> None:
        self.workshop, self.person, self.report = workshop, person, report
        self.settings = workshop.settings
        self.root, self.name = self.settings.root, person.name
        self.started = time.monotonic()

    def run(self) -> None:
        """Make everything that is missing."""
        self.clear_leftovers()
        self.identity = choose_person(self.person.seed)
        self.mesh = build_mesh(self.workshop.model, self.identity)
        self.check_topology()
        self.groups = groom(self.mesh, self.workshop.model, self.identity)
        frames, controls = self.track()
        self.controls = {frame.name: row for frame, row in zip(frames, controls, strict=True)}
        self.done("scan")
        plan = plan_person(self.person, frames, self.settings.amounts, self.settings.quality)
        self.bake_textures(plan)
        self.take_pictures(plan)

    @property
    def rig(self) -> Rig:
        """The lights."""
        return RIGS[self.settings.rig]

    @cached_property
    def texels(self) -> Texels:
        """The atlas at the resolution of its paint."""
        return self.workshop.texels(self.mesh, self.settings.quality.neutral_texture_px)

    @cached_property
    def surfaces(self) -> Surfaces:
        """The painted atlas."""
        sources = self.settings.sources
        return build_surfaces(self.mesh, self.texels, self.identity, sources, self.rig)

    def done(self, what: str) -> None:
        """Report a finished piece."""
        now = time.monotonic()
        self.report(what, now - self.started)
        self.started = now

    def clear_leftovers(self) -> None:
        """Remove what a killed run left half written."""
        for path in layout.subject_folder(self.root, self.name).rglob(".*-*"):
            path.unlink(missing_ok=True)

    def check_topology(self) -> None:
        """All persons of a capture share one topology, which the first one writes."""
        path, mesh = self.root / "topology.npz", self.mesh
        if not path.is_file():
            layout.write_topology(
                self.root,
                layout.Topology(
                    mesh.triangles,
                    mesh.uvs,
                    mesh.part,
                    PART_NAMES,
                    mesh.landmarks68,
                    mesh.neck_weights,
                ),
            )
        topology = stored.read_arrays(path)
        if not (
            np.array_equal(topology["triangles"], mesh.triangles)
            and np.array_equal(topology["uvs"], mesh.uvs)
            and len(topology["neck_weights"]) == len(mesh.vertices)
        ):
            raise CaptureError(
                f"'{self.name}' has another topology than '{self.root}': the studio has changed since, "
                "choose another folder."
            )

    def track(self) -> tuple[tuple[Frame, ...], np.ndarray]:
        """Frames and controls [T, 52], from the folder if they are there; else scan and mesh are written."""
        folder = layout.subject_folder(self.root, self.name)
        if (folder / "subject.json").is_file():
            before = stored.read_array(folder / "neutral/vertices.npy")
            if np.abs(before - self.mesh.vertices).max() > SAME_M:
                raise CaptureError(
                    f"'{folder}' was made by another version of the studio: delete it to make it again."
                )
            if not (folder / "neutral/strands.npz").is_file():
                self.write_scan()
            frames = stored.read_json(folder / "subject.json")["frames"]
            controls = stored.read_arrays(folder / "frames.npz")["controls"].astype(np.float32)
            return tuple(Frame(**frame) for frame in frames), controls
        amounts = self.settings.amounts
        performed = performance(self.person.seed, amounts.frames, self.settings.sources)
        controls = np.stack([frame.controls for frame in performed])
        offsets = np.stack([self.posed(row) - self.mesh.vertices for row in controls])
        self.write_scan()
        layout.write_frames(self.root, self.name, offsets, controls)
        frames = tuple(Frame(frame.name, frame.kind, frame.split) for frame in performed)
        self.write_subject(frames)
        return frames, controls

    def write_scan(self) -> None:
        """Write the neutral scan's vertices and lit strands."""
        lit = light_strands(self.groups, self.mesh, self.rig)
        layout.write_neutral(self.root, self.name, self.mesh.vertices, lit)

    def write_subject(self, frames: tuple[Frame, ...]) -> None:
        """Write who this is."""
        details = {
            key: value
            for key, value in asdict(self.identity).items()
            if isinstance(value, (str, int, float)) and key != "seed"
        }
        info = layout.SubjectInfo(
            name=self.name,
            seed=self.person.seed,
            split=self.person.split,
            neck_pivot=tuple(self.mesh.neck_pivot.tolist()),
            eye_centers=tuple(map(tuple, self.mesh.eye_centers.tolist())),
            frames=frames,
            person=details,
        )
        layout.write_subject(self.root, info)

    def posed(self, controls: np.ndarray) -> np.ndarray:
        """Vertices [V, 3] under ARKit weights [52], the eyeballs turned."""
        vertices = self.mesh.vertices + np.tensordot(controls, self.mesh.controls, axes=1)
        return turned_eyes(self.mesh, controls, vertices).astype(np.float32)

    def bake_textures(self, plan: Plan) -> None:
        """Bake the neutral and the planned frames that have no texture yet."""
        neutral = layout.neutral_texture_path(self.root, self.name)
        paths = {name: layout.texture_path(self.root, self.name, name) for name in plan.baked}
        missing = [name for name, path in paths.items() if not path.is_file()]
        if neutral.is_file() and not missing:
            return
        quality = self.settings.quality
        studio = self.open_studio()
        baker = LightBaker(studio, self.workshop.texels(self.mesh, quality.light_px))
        if not neutral.is_file():
            radiance = self.bake(baker, NEUTRAL_FRAME, quality.neutral_samples, self.texels)
            small = layout.texture_path(self.root, self.name, NEUTRAL_FRAME)
            share = quality.neutral_texture_px // quality.frame_texture_px
            layout.write_png(small, as_bytes(reduced(radiance, share)))
            covered = np.uint8(255) * self.texels.mask()
            layout.write_png(neutral, np.dstack([as_bytes(radiance), covered]))
            self.done("texture of the neutral")
        fine = self.workshop.texels(self.mesh, quality.frame_texture_px)
        for name in missing:
            radiance = self.bake(baker, name, quality.frame_samples, fine)
            layout.write_png(paths[name], as_bytes(radiance))
            self.done(f"texture {name}")

    def bake(self, baker: LightBaker, frame: str, samples: int, fine: Texels) -> np.ndarray:
        """Linear radiance [R, R, 3] of one frame at the texels of `fine`."""
        vertices = self.posed(self.controls[frame])
        baker.studio.show(vertices)
        share = self.texels.resolution // fine.resolution
        surfaces = self.surfaces
        if share > 1:
            surfaces = Surfaces(**{n: reduced(v, share) for n, v in vars(surfaces).items()})
        return baker.radiance(baker.bake(samples), vertices, fine, surfaces)

    def take_pictures(self, plan: Plan) -> None:
        """Path-trace the planned pictures that are not there yet, frame by frame."""
        shots = {
            shot: layout.image_path(self.root, self.name, shot.frame, shot.camera)
            for shot in plan.shots
        }
        missing = sorted(
            (shot for shot, path in shots.items() if not path.is_file()),
            key=lambda shot: shot.frame,
        )
        if not missing:
            return
        studio = self.open_studio()
        # Pictures of one pose share what Cycles has built for it.
        studio.scene.render.use_persistent_data = True
        cameras = make_cameras(self.settings.quality)
        for frame, group in groupby(missing, key=lambda shot: shot.frame):
            studio.show(self.posed(self.controls[frame]))
            for shot in group:
                camera = cameras[shot.camera_split][shot.camera]
                studio.look_from(camera.viewmat, camera.K, camera.width)
                with replace_on_success(shots[shot]) as temporary:
                    studio.photograph(str(temporary), shot.samples)
                self.done(f"picture {frame} from {shot.camera}")

    def open_studio(self) -> Studio:
        """A fresh studio with this person in it."""
        studio = Studio(self.mesh, self.groups, self.surfaces, self.rig)
        studio.use_threads(self.settings.threads)
        return studio


def reduced(image: np.ndarray, share: int) -> np.ndarray:
    """An image [R, R, C] at 1 / `share` of its side, a power of two."""
    while share > 1:
        image, share = pool(image), share // 2
    return image


def as_bytes(radiance: np.ndarray) -> np.ndarray:
    """Linear light as sRGB bytes."""
    return np.round(255 * linear_to_srgb(radiance)).astype(np.uint8)
