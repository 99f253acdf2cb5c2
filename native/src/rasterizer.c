/* Workspaces, and handing the items of the stages to whoever calls gh_work. */
#include "rasterizer.h"

#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <sched.h>
#endif

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "internal.h"

_Static_assert(sizeof(size_t) == 8, "sizes are computed for 64-bit systems");

/* Binning blocks: enough for any number of threads. One thread adds up what they count. */
static const int64_t MAX_BLOCKS = 64, MAX_TILE_COUNTERS = 1 << 23;
static const int64_t MAX_GAUSSIANS = 1 << 30;

int32_t gh_interface_version(void) { return GH_INTERFACE_VERSION; }

#if defined(__x86_64__)
static int has(unsigned flags, unsigned needed) { return (flags & needed) == needed; }
#endif

int32_t gh_processor_level(void) {
#if defined(__x86_64__)
    const unsigned fma = 1u << 12, movbe = 1u << 22, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
    const unsigned bmi1 = 1u << 3, avx2 = 1u << 5, bmi2 = 1u << 8, lzcnt = 1u << 5;
    const unsigned avx512f = 1u << 16, avx512dq = 1u << 17, avx512cd = 1u << 28, avx512bw = 1u << 30;
    const unsigned avx512vl = 1u << 31, avx_state = 0x06, avx512_state = 0xe6;
    unsigned a, b, c, d, states, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, fma | movbe | osxsave | avx | f16c)) return 0;
    /* The registers that the system saves. */
    __asm__ volatile("xgetbv" : "=a"(states), "=d"(high) : "c"(0));
    if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !has(c, lzcnt) || !has(states, avx_state)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, bmi1 | avx2 | bmi2)) return 0;
    int is_v4 = has(b, avx512f | avx512dq | avx512cd | avx512bw | avx512vl) && has(states, avx512_state);
    return is_v4 ? 4 : 3;
#else
    return 0;
#endif
}

gh_workspace *gh_create(void) { return calloc(1, sizeof(gh_workspace)); }

void gh_destroy(gh_workspace *w) {
    if (!w) return;
    for (int k = 0; k < NUM_BUFFERS; k++) free(w->buffers[k].memory);
    free(w);
}

int64_t gh_bytes(const gh_workspace *w) {
    size_t bytes = sizeof *w;
    for (int k = 0; k < NUM_BUFFERS; k++) bytes += w->buffers[k].bytes;
    return (int64_t)bytes;
}

void *gh_reserve(gh_buffer *buffer, int64_t count, size_t size) {
    size_t bytes = (size_t)gh_max(count, 1) * size;
    if (bytes <= buffer->bytes) return buffer->data;
    free(buffer->memory);
    buffer->memory = malloc(bytes + CACHE_LINE);
    buffer->bytes = buffer->memory ? bytes : 0;
    buffer->data = buffer->memory ? (void *)(((uintptr_t)buffer->memory + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE) : NULL;
    return buffer->data;
}

static int reserve_all(gh_workspace *w) {
    int64_t n = w->scene.num_gaussians, tiles = (int64_t)w->tiles_x * w->tiles_y;
    gh_buffer *b = w->buffers;
    int ok = 1;
    ok &= (w->chunks = gh_reserve(&b[CHUNKS], w->num_chunks, sizeof *w->chunks)) != NULL;
    ok &= (w->splats = gh_reserve(&b[SPLATS], n, sizeof *w->splats)) != NULL;
    ok &= (w->tile_boxes = gh_reserve(&b[TILE_BOXES], n, sizeof *w->tile_boxes)) != NULL;
    ok &= (w->keys[0] = gh_reserve(&b[KEYS_0], n, sizeof(gh_key))) != NULL;
    ok &= (w->keys[1] = gh_reserve(&b[KEYS_1], n, sizeof(gh_key))) != NULL;
    size_t digits = sizeof(uint32_t) << MAX_DIGIT_BITS;
    ok &= (w->digit_starts = gh_reserve(&b[DIGIT_STARTS], w->num_chunks, digits)) != NULL;
    ok &= (w->digit_ends = gh_reserve(&b[DIGIT_ENDS], 1, digits)) != NULL;
    size_t row = (size_t)tiles * sizeof(uint32_t);
    ok &= (w->tile_starts = gh_reserve(&b[TILE_STARTS], w->num_blocks, row)) != NULL;
    ok &= (w->tile_totals = gh_reserve(&b[TILE_TOTALS], 1, row)) != NULL;
    ok &= (w->tile_ends = gh_reserve(&b[TILE_ENDS], 1, row)) != NULL;
    if (w->sums) ok &= (w->record_ends = gh_reserve(&b[RECORD_ENDS], 1, row)) != NULL;
    ok &= (w->bands = gh_reserve(&b[BANDS], tiles + 1, sizeof *w->bands)) != NULL;
    return ok;
}

static int32_t begin(gh_workspace *w, const gh_scene *scene, int is_backward) {
    if (scene->width < 1 || scene->width > MAX_SIDE_PX || scene->height < 1 || scene->height > MAX_SIDE_PX)
        return GH_BAD_SIZE;
    if (scene->num_gaussians < 0 || scene->num_gaussians > MAX_GAUSSIANS) return GH_BAD_SIZE;
    w->scene = *scene;
    /* An empty set is one empty chunk: every stage then has an item that closes it. */
    w->num_chunks = gh_max(1, (scene->num_gaussians + CHUNK - 1) / CHUNK);
    w->tiles_x = (scene->width + TILE - 1) / TILE;
    w->tiles_y = (scene->height + TILE - 1) / TILE;
    int64_t tiles = (int64_t)w->tiles_x * w->tiles_y;
    w->num_blocks = gh_max(1, gh_min(gh_min(w->num_chunks, MAX_BLOCKS), MAX_TILE_COUNTERS / tiles));
    w->sums = NULL;
    if (is_backward && !(w->sums = gh_reserve(&w->buffers[SUMS], scene->num_gaussians, sizeof *w->sums)))
        return GH_OUT_OF_MEMORY;
    if (!reserve_all(w)) return GH_OUT_OF_MEMORY;
    for (int k = 0; k < FIXED_STAGES; k++) gh_open_stage(&w->stages[k]);
    w->status = GH_OK;
    return GH_OK;
}

int32_t gh_begin(gh_workspace *w, const gh_scene *scene) { return begin(w, scene, 0); }

int32_t gh_begin_backward(gh_workspace *w, const gh_scene *scene, const gh_gradients *gradients) {
    w->gradients = *gradients;
    return begin(w, scene, 1);
}

/* Lets another thread run for a moment; `turn` counts the times it was called in a row. */
static void wait_a_moment(int turn) {
    enum { SPINS = 2000 };
    if (turn > SPINS) {
#ifdef _WIN32
        SwitchToThread();
#else
        sched_yield();
#endif
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

typedef void (*item_function)(gh_workspace *, int64_t item, int64_t argument);
typedef void (*plan_function)(gh_workspace *);

/* Takes items until none is left, then waits for those that others took; whoever ends the last one makes
 * the plan for what follows. A thread that comes late finds the stage closed and passes through, so
 * nobody waits for a thread that has not started. */
static void run(gh_workspace *w, gh_stage *stage, int64_t num_items, int64_t argument,
                item_function function, plan_function plan) {
    for (;;) {
        int64_t item = atomic_fetch_add(&stage->next, 1);
        if (item >= num_items) break;
        function(w, item, argument);
        if (atomic_fetch_add(&stage->done, 1) + 1 < num_items) continue;
        if (plan) plan(w);
        atomic_store(&stage->closed, 1);
    }
    for (int turn = 0; !atomic_load(&stage->closed); turn++) wait_a_moment(turn);
}

/* A band's tiles, in items. */
static int64_t num_items(const gh_workspace *w, int64_t band) {
    return (w->bands[band + 1] - w->bands[band] + TILES_PER_ITEM - 1) / TILES_PER_ITEM;
}

int32_t gh_work(gh_workspace *w) {
    gh_stage *stage = w->stages;
    run(w, stage++, w->num_chunks, 0, gh_project_chunk, gh_plan_sort);
    for (int64_t pass = 0; pass < w->num_passes; pass++) {
        run(w, stage++, w->num_chunks, pass, gh_count_digits, gh_place_digits);
        run(w, stage++, w->num_chunks, pass, gh_move_keys, NULL);
    }
    run(w, stage++, w->num_blocks, 0, gh_count_tiles, gh_plan_bands);
    for (int64_t band = 0; band < w->num_bands; band++) {
        gh_stage *stages = w->band_stages + band * STAGES_PER_BAND;
        run(w, &stages[0], w->num_blocks, band, gh_fill_lists, NULL);
        if (w->sums) {
            run(w, &stages[1], num_items(w, band), band, gh_differentiate_tiles, NULL);
            run(w, &stages[2], w->num_blocks, band, gh_add_records, NULL);
        } else {
            run(w, &stages[1], num_items(w, band), band, gh_blend_tiles, NULL);
        }
    }
    if (w->sums && w->status == GH_OK) run(w, stage++, w->num_chunks, 0, gh_differentiate_chunk, NULL);
    return w->status;
}
