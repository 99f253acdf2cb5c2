/* Tiles -> pixels: the splats of a tile's list, composited front to back.
 *
 * Half a row of a tile, eight pixels, is the unit of work: one AVX register, two of SSE or NEON. */
#include <math.h>
#include <string.h>

#include "internal.h"

enum { WIDTH = 8, HALVES = TILE / WIDTH, SEGMENTS = TILE * HALVES };

typedef float f8 __attribute__((vector_size(4 * WIDTH)));
typedef int32_t i8 __attribute__((vector_size(4 * WIDTH)));

/* What has been composited so far, by segment: half a row, number half * TILE + row. The transmittance of
 * a finished pixel is stored negated: nothing more is added to it, and its value is still known. Pixels
 * outside the image start as finished. */
typedef struct {
    f8 transmittance[SEGMENTS];
    f8 red[SEGMENTS], green[SEGMENTS], blue[SEGMENTS], depth[SEGMENTS];
    f8 depth_limits[SEGMENTS]; /* not filled while next_limit is infinite */
    float next_limit;          /* the nearest depth limit of an unfinished pixel */
    uint32_t open; /* a bit for every segment that has an unfinished pixel */
} tile_state;

static const f8 CENTERS = {0.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f, 6.5f, 7.5f};

static inline f8 all(float value) {
    return (f8){value, value, value, value, value, value, value, value};
}

static inline f8 choose(i8 mask, f8 yes, f8 no) { return (f8)((mask & (i8)yes) | (~mask & (i8)no)); }
static inline f8 least(f8 a, f8 b) { return choose(a < b, a, b); }
static inline f8 most(f8 a, f8 b) { return choose(a > b, a, b); }

/* Lane k of a comparison -> bit k. */
static inline uint32_t bits(i8 mask) {
#ifdef __clang__
    typedef _Bool b8 __attribute__((ext_vector_type(WIDTH)));
    union { b8 lanes; uint8_t value; } packed = {__builtin_convertvector(mask, b8)};
    return packed.value;
#else
    uint32_t packed = 0;
    for (int lane = 0; lane < WIDTH; lane++) packed |= (uint32_t)(mask[lane] & 1) << lane;
    return packed;
#endif
}

/* exp(-8 x) for 0 <= x <= ln(255) / 8, relative error 6e-7: a minimax polynomial of exp(-x), to the 8th. */
static inline f8 exp_minus_8x(f8 x) {
    f8 p = all(-5.865791978e-03f);
    p = p * x + all(3.980347419e-02f);
    p = p * x + all(-1.659914867e-01f);
    p = p * x + all(4.998866246e-01f);
    p = p * x + all(-9.999928648e-01f);
    p = p * x + all(9.999999247e-01f);
    p *= p;
    p *= p;
    return p * p;
}

/* A splat seen from a tile: at column center c of a row, sigma / 8 = (l00 c + along[row])^2 + across[row]. */
typedef struct {
    const gh_splat *splat;
    float along[TILE], across[TILE];
    uint32_t touched; /* a bit for every segment that alpha >= 1/255 reaches */
} tile_splat;

static inline void see_from_tile(const gh_splat *splat, int64_t left_px, int64_t top_px, tile_splat *seen) {
    float x = splat->x - (float)left_px, y = splat->y - (float)top_px;
    f8 first = all(CENTERS[0]), last = all(CENTERS[WIDTH - 1]), width = all(WIDTH);
    float per_l00 = splat->per_l00;
    seen->splat = splat;
    seen->touched = 0;
    for (int row = 0; row < TILE; row += WIDTH) {
        f8 dy = CENTERS + ((float)row - y);
        f8 along = splat->l10 * dy - splat->l00 * x;
        f8 across = splat->l11 * dy * (splat->l11 * dy);
        memcpy(seen->along + row, &along, sizeof along);
        memcpy(seen->across + row, &across, sizeof across);
        /* The column where sigma is least, and how far the nearest column of each half is from it. */
        f8 best = along * -per_l00;
        f8 left = splat->l00 * (least(most(best, first), last) - best);
        f8 right = splat->l00 * (least(most(best, first + width), last + width) - best);
        seen->touched |= bits(left * left + across <= all(splat->reach)) << row;
        seen->touched |= bits(right * right + across <= all(splat->reach)) << (row + TILE);
    }
}

/* Adds a splat to the pixels of a segment; `x` is sigma / 8 there. */
static inline void add_to_segment(tile_state *s, const gh_splat *splat, int segment, f8 x) {
    f8 before = s->transmittance[segment];
    i8 hit = (x <= all(splat->reach)) & (before > all(0));
    f8 alpha = least(splat->opacity * exp_minus_8x(x), all(MAX_ALPHA));
    f8 weight = alpha * before;
    /* The splat that would make a pixel opaque finishes the pixel and is not added. */
    i8 last = hit & (before - weight <= all(MIN_TRANSMITTANCE));
    weight = (f8)((i8)weight & hit & ~last);
    s->red[segment] += weight * splat->rgb[0];
    s->green[segment] += weight * splat->rgb[1];
    s->blue[segment] += weight * splat->rgb[2];
    s->depth[segment] += weight * splat->depth;
    f8 after = before - weight;
    if (bits(last)) {
        after = choose(last, -before, after);
        if (!bits(after > all(0))) s->open &= ~(1u << segment);
    }
    s->transmittance[segment] = after;
}

/* Finishes the pixels whose opaque surface lies before `depth`; splats come front to back. */
static void finish_hidden(tile_state *s, float depth) {
    float next = INFINITY;
    for (uint32_t segments = s->open; segments; segments &= segments - 1) {
        int segment = __builtin_ctz(segments);
        f8 before = s->transmittance[segment], limit = s->depth_limits[segment];
        f8 after = choose((before > all(0)) & (limit < all(depth)), -before, before);
        i8 unfinished = after > all(0);
        s->transmittance[segment] = after;
        if (!bits(unfinished)) s->open &= ~(1u << segment);
        limit = choose(unfinished, limit, all(INFINITY));
        for (int lane = 0; lane < WIDTH; lane++) next = fminf(next, limit[lane]);
    }
    s->next_limit = next;
}

static inline void add_splat(tile_state *s, const tile_splat *seen) {
    if (seen->splat->depth > s->next_limit) finish_hidden(s, seen->splat->depth);
    for (uint32_t segments = seen->touched & s->open; segments; segments &= segments - 1) {
        int segment = __builtin_ctz(segments), row = segment % TILE, half = segment / TILE;
        f8 along = seen->splat->l00 * (CENTERS + (float)(half * WIDTH)) + seen->along[row];
        add_to_segment(s, seen->splat, segment, along * along + seen->across[row]);
    }
}

static void read_depth_limits(tile_state *s, const gh_scene *scene, int64_t left, int64_t top) {
    int64_t columns = gh_min(TILE, scene->width - left), rows = gh_min(TILE, scene->height - top);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < columns; column++) {
            float limit = scene->depth_limits[(top + row) * scene->width + left + column];
            s->depth_limits[column / WIDTH * TILE + row][column % WIDTH] = limit;
            s->next_limit = fminf(s->next_limit, limit);
        }
}

static void begin_tile(tile_state *s, const gh_scene *scene, int64_t left, int64_t top) {
    int64_t columns = scene->width - left, rows = scene->height - top;
    memset(s, 0, sizeof *s);
    s->next_limit = INFINITY;
    if (scene->depth_limits) read_depth_limits(s, scene, left, top);
    for (int segment = 0; segment < SEGMENTS; segment++) {
        int row = segment % TILE, column = segment / TILE * WIDTH;
        i8 inside = CENTERS + (float)column < all((float)columns);
        if (row >= rows || !bits(inside)) continue;
        s->transmittance[segment] = choose(inside, all(1), all(0));
        s->open |= 1u << segment;
    }
}

static void write_tile(const tile_state *s, const gh_scene *scene, int64_t left, int64_t top) {
    int64_t columns = gh_min(TILE, scene->width - left), rows = gh_min(TILE, scene->height - top);
    for (int64_t row = 0; row < rows; row++) {
        int64_t pixel = (top + row) * scene->width + left;
        for (int64_t column = 0; column < columns; column++, pixel++) {
            int64_t segment = column / WIDTH * TILE + row, lane = column % WIDTH;
            float behind = fabsf(s->transmittance[segment][lane]), alpha = 1 - behind;
            scene->colors[3 * pixel] = s->red[segment][lane] + behind * scene->background[0];
            scene->colors[3 * pixel + 1] = s->green[segment][lane] + behind * scene->background[1];
            scene->colors[3 * pixel + 2] = s->blue[segment][lane] + behind * scene->background[2];
            scene->alphas[pixel] = alpha;
            scene->depths[pixel] = alpha > 0 ? s->depth[segment][lane] / alpha : 0;
        }
    }
}

static void blend_tile(const gh_workspace *w, int64_t tile) {
    enum { BATCH = 16 };
    int64_t left = tile % w->tiles_x * TILE, top = tile / w->tiles_x * TILE;
    const uint32_t *list = w->lists + w->tile_ends[tile] - w->tile_totals[tile];
    int64_t length = w->tile_totals[tile];
    tile_state state;
    tile_splat seen[BATCH];
    begin_tile(&state, &w->scene, left, top);
    for (int64_t first = 0; first < length && state.open; first += BATCH) {
        int64_t count = gh_min(BATCH, length - first);
        for (int64_t k = 0; k < count; k++) {
            /* Splats lie in the Gaussians' own order: ask for the next batch early. */
            __builtin_prefetch(w->splats + list[gh_min(first + k + BATCH, length - 1)]);
            see_from_tile(w->splats + list[first + k], left, top, &seen[k]);
        }
        for (int64_t k = 0; k < count; k++) add_splat(&state, &seen[k]);
    }
    write_tile(&state, &w->scene, left, top);
}

void gh_blend_tiles(gh_workspace *w, int64_t item, int64_t band) {
    int64_t first = w->bands[band] + item * TILES_PER_ITEM;
    int64_t end = gh_min(first + TILES_PER_ITEM, w->bands[band + 1]);
    for (int64_t tile = first; tile < end; tile++) blend_tile(w, tile);
}
