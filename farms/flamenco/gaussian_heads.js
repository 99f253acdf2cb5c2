// SPDX-License-Identifier: GPL-3.0-or-later
//
// A job type for Flamenco 3: a head speaks, once baked, rendered in chunks, with a video at the end.
// Copy this file into the folder `scripts` beside flamenco-manager; docs/FARMS.md says the rest.

const JOB_TYPE = {
    label: "Gaussian Heads",
    description: "Bake what the heads of a scene say, render it in chunks, and make a video with sound",
    settings: [
        {
            key: "frames", type: "string", required: true,
            eval: "f'{C.scene.frame_start}-{C.scene.frame_end}'",
            evalInfo: { showLinkButton: true, description: "Range of the scene" },
            description: "Frames to render, such as 1-250 or 1-50, 80-120",
        },
        {
            key: "chunk_size", type: "int32", default: 25, propargs: { min: 1 }, visible: "submission",
            description: "Frames that one worker renders before it takes other work",
        },
        {
            key: "sound", type: "string", subtype: "file_path", default: "", visible: "submission",
            description: "Sound that the scene's head speaks; without one, the scene's own lines are baked",
        },
        {
            // Artists choose //sound.wav, workers need the whole path.
            key: "sound_path", type: "string", visible: "hidden", default: "",
            eval: "str(abspath(settings.sound)) if settings.sound else ''",
        },
        {
            key: "format", type: "string", choices: ["PNG", "OPEN_EXR"], default: "PNG",
            description: "Format of the frames; a video is made of PNG",
        },
        {
            key: "has_video", type: "bool", default: true,
            description: "Make a video with sound of the frames",
        },
        {
            key: "render_output_root", type: "string", subtype: "dir_path", required: true, visible: "submission",
            description: "Folder that all workers share, for the baked scene, the frames and the video",
        },
        {
            key: "render_output_path", type: "string", subtype: "file_path", editable: false,
            eval: "str(Path(abspath(settings.render_output_root), jobname, '{timestamp}', '####'))",
            description: "Where the frames go",
        },
        { key: "blendfile", type: "string", required: true, visible: "web", description: "The scene" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    refuseWhatCannotBe(settings);
    const output = settings.render_output_path.replace("{timestamp}", formatTimestampLocal(job.created));
    settings.render_output_path = output;
    const folder = path.dirname(output);
    const stem = path.stem(settings.blendfile).replace(".flamenco", "");
    const scene = path.join(folder, `${stem}.baked.blend`);

    const bake = headsTask("bake", bakeWords(settings, scene));
    job.addTask(bake);
    const renders = renderTasks(settings, scene, output);
    for (const render of renders) {
        render.addDependency(bake);
        job.addTask(render);
    }
    if (settings.has_video) {
        const video = headsTask("video", filmWords(settings, scene, folder, stem));
        for (const render of renders) {
            video.addDependency(render);
        }
        job.addTask(video);
    }
}

function refuseWhatCannotBe(settings) {
    if (!settings.render_output_path) {
        throw "There is no output path: choose a render output root.";
    }
    if (path.basename(settings.render_output_path) !== "####") {
        throw "The output path must end in ####: leave it as the add-on makes it.";
    }
    if (!(settings.chunk_size >= 1)) {
        throw "The chunk size must be 1 or more: change it.";
    }
    if (settings.has_video && settings.format !== "PNG") {
        throw "A video is made of PNG frames: choose PNG, or switch the video off.";
    }
    if (settings.has_video && (settings.frames.includes(",") || frameRange(settings.frames).isOpen)) {
        throw "A video needs every frame from first to last: give one range, or switch the video off.";
    }
}

// First and last frame of one range, and whether it is no range from low to high.
function frameRange(frames) {
    const single = frameChunker(frames, 1);
    const first = single[0], last = single[single.length - 1];
    return { first, last, isOpen: Number(last) - Number(first) + 1 !== single.length };
}

// A task in which Blender runs a command of the extension.
function headsTask(name, words) {
    const task = author.Task(name, "blender");
    task.addCommand(author.Command("exec", {
        exe: "{blender}",
        args: ["--command", "gaussian_heads", ...words],
    }));
    return task;
}

function bakeWords(settings, scene) {
    if (!settings.sound_path) {
        return ["bake", settings.blendfile, "--out", scene];
    }
    return ["bake", settings.sound_path, "--scene", settings.blendfile, "--out", scene];
}

function renderTasks(settings, scene, output) {
    return frameChunker(settings.frames, settings.chunk_size).map((chunk) => {
        const task = author.Task(`render-${chunk}`, "blender");
        task.addCommand(author.Command("blender-render", {
            exe: "{blender}",
            exeArgs: "{blenderArgs}",
            argsBefore: [],
            blendfile: scene,
            args: [
                "--render-output", output,
                "--render-format", settings.format,
                "--render-frame", chunk.replaceAll("-", ".."),
            ],
        }, frameChunker(chunk, 1).length));
        return task;
    });
}

function filmWords(settings, scene, folder, stem) {
    const { first, last } = frameRange(settings.frames);
    return [
        "film", scene, "--pictures", folder, "--frames", `${first}-${last}`,
        "--out", path.join(folder, `${stem}.mp4`),
    ];
}
