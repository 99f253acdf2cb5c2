// Compiles a job as Flamenco Manager 3 does: node flamenco_manager.js SCRIPT < JOB.json > TASKS.json
//
// What a script sees of the Manager, and nothing else: strict mode, the globals `author`, `path`,
// `frameChunker`, `formatTimestampLocal`, `print`, `alert`, `shellSplit`, `process`. Settings and commands are
// checked as the API's schema, the Blender add-on and the Worker read them. The errors name what is wrong.
"use strict";

const fs = require("fs");
const vm = require("vm");

const SETTING_KEYS = {
    key: "string", type: "string", subtype: "string", choices: "object", propargs: "object", description: "string",
    label: "string", default: "any", eval: "string", evalInfo: "object", visible: "string", required: "boolean",
    editable: "boolean",
};
const TYPES = { string: "string", int32: "number", float: "number", bool: "boolean" };
const SUBTYPES = ["file_path", "file_name", "dir_path", "hashed_file_path"];
const VISIBLE = ["visible", "hidden", "submission", "web"];

// Parameters of the Worker's commands: type, and whether they must be there.
const COMMANDS = {
    "blender-render": {
        exe: ["string", true], exeArgs: ["string", false], argsBefore: ["strings", false],
        blendfile: ["string", true], args: ["strings", false],
    },
    "frames-to-video": {
        exe: ["string", true], exeArgs: ["string", false], argsBefore: ["strings", false], fps: ["number", true],
        inputGlob: ["string", true], outputFile: ["string", true], args: ["strings", false],
    },
    "exec": { exe: ["string", true], args: ["strings", false] },
    "make-directory": { path: ["string", true] },
    "move-directory": { src: ["string", true], dest: ["string", true] },
    "copy-file": { src: ["string", true], dest: ["string", true] },
    "echo": { message: ["string", true] },
    "sleep": { duration_in_seconds: ["number", true] },
};
const TASK_TYPES = ["blender", "ffmpeg", "file-management", "misc"];

function fail(message) {
    throw new Error(message);
}

function checkJobType(jobType) {
    if (typeof jobType !== "object" || typeof jobType.label !== "string") fail("JOB_TYPE has no label");
    const seen = new Set();
    for (const setting of jobType.settings) {
        const name = `setting '${setting.key}'`;
        if (!/^[a-z][a-z0-9_]*$/.test(setting.key) || seen.has(setting.key)) fail(`${name}: bad or double key`);
        seen.add(setting.key);
        for (const [key, value] of Object.entries(setting)) {
            if (!(key in SETTING_KEYS)) fail(`${name}: unknown key '${key}'`);
            if (SETTING_KEYS[key] !== "any" && typeof value !== SETTING_KEYS[key]) fail(`${name}: type of '${key}'`);
        }
        if (!(setting.type in TYPES)) fail(`${name}: unknown type '${setting.type}'`);
        if ("subtype" in setting && !(setting.type === "string" && SUBTYPES.includes(setting.subtype))) {
            fail(`${name}: subtype '${setting.subtype}'`);
        }
        if ("visible" in setting && !VISIBLE.includes(setting.visible)) fail(`${name}: visible '${setting.visible}'`);
        if ("default" in setting && typeof setting.default !== TYPES[setting.type]) fail(`${name}: default's type`);
        if ("choices" in setting && (setting.type !== "string" || !setting.choices.includes(setting.default))) {
            fail(`${name}: choices`);
        }
    }
}

function checkSettings(jobType, settings) {
    const known = new Map(jobType.settings.map((setting) => [setting.key, setting]));
    for (const [key, value] of Object.entries(settings)) {
        if (!known.has(key)) fail(`the job has an unknown setting '${key}'`);
        if (typeof value !== TYPES[known.get(key).type]) fail(`the job's setting '${key}' has another type`);
    }
    for (const setting of known.values()) {
        if (setting.required && !settings[setting.key]) fail(`the job lacks the setting '${setting.key}'`);
    }
}

function explode(range) {
    const frames = new Set();
    for (const part of range.replaceAll("..", "-").split(",")) {
        const ends = part.split("-").map((end) => end.trim());
        if (ends.length > 2 || !ends.every((end) => /^[+]?\d+$/.test(end))) fail(`invalid range "${range}": ${part}`);
        for (let frame = Number(ends[0]); frame <= Number(ends[ends.length - 1]); frame++) frames.add(frame);
    }
    return [...frames].sort((a, b) => a - b);
}

function merge(frames) {
    const ranges = [];
    for (let begin = 0; begin < frames.length;) {
        let end = begin;
        while (end + 1 < frames.length && frames[end + 1] === frames[end] + 1) end++;
        // Two frames are no range to the Manager.
        if (end - begin <= 1) ranges.push(...frames.slice(begin, end + 1));
        else ranges.push(`${frames[begin]}-${frames[end]}`);
        begin = end + 1;
    }
    return ranges.join(",");
}

function frameChunker(range, size) {
    range = String(range).trim();
    if (!range) fail(`invalid range "${range}": empty range`);
    size = Math.trunc(Number(size)) || 0;
    if (size < 1) fail(`invalid chunk size, must be positive number: ${size}`);
    const frames = explode(range);
    if (!frames.length) fail(`invalid range "${range}": empty range`);
    const chunks = [];
    for (let begin = 0; begin < frames.length; begin += size) chunks.push(merge(frames.slice(begin, begin + size)));
    return chunks;
}

function checkCommand(name, parameters) {
    const known = COMMANDS[name] || fail(`the Worker knows no command '${name}'`);
    for (const [key, value] of Object.entries(parameters)) {
        if (!(key in known)) fail(`command '${name}' has an unknown parameter '${key}'`);
        const type = known[key][0];
        const isRight = type === "strings"
            ? Array.isArray(value) && value.every((word) => typeof word === "string" || typeof word === "number")
            : typeof value === type;
        if (!isRight) fail(`command '${name}': parameter '${key}' is no ${type}`);
    }
    for (const [key, [, isRequired]] of Object.entries(known)) {
        if (isRequired && (parameters[key] === undefined || parameters[key] === "")) {
            fail(`command '${name}' lacks the parameter '${key}'`);
        }
    }
}

class Task {
    #commands = [];
    #dependencies = [];

    constructor(name, type) {
        this.uuid = crypto.randomUUID();
        this.name = String(name).trim() || fail("author.Task: name is required");
        this.type = String(type).trim() || fail("author.Task: type is required");
        if (!TASK_TYPES.includes(this.type)) fail(`no Worker takes tasks of type '${this.type}'`);
        Object.freeze(this);
    }

    addCommand(command) {
        if (!command || !(command.name in COMMANDS)) fail("addCommand wants an author.Command");
        this.#commands.push(command);
    }

    addDependency(task) {
        if (!(task instanceof Task)) fail("addDependency wants an author.Task");
        this.#dependencies.push(task.uuid);
    }

    // The Manager copies a task when it is added: what comes later is lost.
    copy() {
        return { ...this, commands: [...this.#commands], dependencies: [...this.#dependencies] };
    }
}

const slashed = (text) => String(text).replaceAll("\\", "/");
const base = (text) => slashed(text).replace(/\/+$/, "").split("/").pop();
const globals = {
    author: Object.freeze({
        Task: (name, type) => new Task(name, type),
        Command: (name, parameters, steps = 0) => {
            checkCommand(name, parameters);
            return Object.freeze({ name, parameters: structuredClone(parameters), total_step_count: Math.trunc(steps) });
        },
    }),
    path: Object.freeze({
        basename: base,
        dirname: (text) => slashed(text).replace(/\/[^/]*$/, "") || "/",
        join: (...parts) => slashed(parts.filter(Boolean).join("/")).replace(/(?<!^)\/+/g, "/"),
        stem: (text) => base(text).replace(/(?<=.)\.[^.]*$/, ""),
    }),
    process: Object.freeze({ platform: process.platform, cwd: () => process.cwd() }),
    frameChunker,
    formatTimestampLocal: (time) => {
        if (!(time instanceof Date)) fail("formatTimestampLocal wants job.created");
        const two = (number) => String(number).padStart(2, "0");
        return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
            + `_${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
    },
    shellSplit: (text) => text.split(/\s+/),
    print: () => {},
    alert: () => {},
};

function compile(script, submitted) {
    const context = vm.createContext({ ...globals }, { codeGeneration: { strings: false, wasm: false } });
    const text = `"use strict";${fs.readFileSync(script, "utf8")}\n;({ JOB_TYPE, compileJob })`;
    const { JOB_TYPE, compileJob } = vm.runInContext(text, context, { filename: script, timeout: 5000 });
    checkJobType(JOB_TYPE);
    if (!submitted) return { job_type: JOB_TYPE };
    checkSettings(JOB_TYPE, submitted.settings);
    const tasks = [];
    const job = Object.freeze({
        name: submitted.name,
        jobType: "gaussian-heads",
        priority: 50,
        created: new Date(submitted.created),
        settings: { ...submitted.settings },
        metadata: {},
        addTask: (task) => tasks.push(task.copy()),
    });
    compileJob(job);
    const uuids = new Set(tasks.map((task) => task.uuid));
    for (const task of tasks) {
        if (!task.commands.length) fail(`task '${task.name}' has no command`);
        if (!task.dependencies.every((uuid) => uuids.has(uuid))) fail(`task '${task.name}' waits for no task of the job`);
    }
    return { job_type: JOB_TYPE, tasks, settings: job.settings };
}

const input = fs.readFileSync(0, "utf8");
try {
    process.stdout.write(JSON.stringify(compile(process.argv[2], input.trim() ? JSON.parse(input) : null), null, 1));
} catch (error) {
    // Scripts throw sentences as plain text.
    process.stderr.write(`${error.message ?? error}\n`);
    process.exit(1);
}
