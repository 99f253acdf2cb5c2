/* A tile's pixels as the kernels of blend.c and backward_blend.c see them.
 *
 * A segment is the unit of work: as many pixels of a row as a register holds, half a row of a tile with AVX
 * (one register) or SSE and NEON (two), a whole row with AVX-512. Segment number: part * TILE + row. */
#ifndef GH_TILE_H
#define GH_TILE_H

#include <math.h>
#include <string.h>

#include "internal.h"

#ifdef __AVX512F__
enum { WIDTH = 16 };
#else
enum { WIDTH = 8 };
#endif
enum { PARTS = TILE / WIDTH, SEGMENTS = TILE * PARTS };

typedef float lanes __attribute__((vector_size(4 * WIDTH)));
typedef int32_t mask __attribute__((vector_size(4 * WIDTH)));

/* Pixel centres of a segment, from its left end. */
#ifdef __AVX512F__
static const lanes CENTERS = {0.5f, 1.5f, 2.5f,  3.5f,  4.5f,  5.5f,  6.5f,  7.5f,
                              8.5f, 9.5f, 10.5f, 11.5f, 12.5f, 13.5f, 14.5f, 15.5f};
#else
static const lanes CENTERS = {0.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f, 6.5f, 7.5f};
#endif

static inline lanes all(float value) { return value - (lanes){0}; }

static inline lanes choose(mask m, lanes yes, lanes no) { return (lanes)((m & (mask)yes) | (~m & (mask)no)); }
static inline lanes where(mask m, lanes value) { return (lanes)(m & (mask)value); }
static inline lanes least(lanes a, lanes b) { return choose(a < b, a, b); }
static inline lanes most(lanes a, lanes b) { return choose(a > b, a, b); }

/* Lane k of a comparison -> bit k. */
static inline uint32_t bits(mask m) {
#ifdef __clang__
    typedef _Bool flags __attribute__((ext_vector_type(WIDTH)));
    union { flags lanes; uint16_t value; } packed = {.value = 0};
    packed.lanes = __builtin_convertvector(m, flags);
    return packed.value;
#else
    uint32_t packed = 0;
    for (int lane = 0; lane < WIDTH; lane++) packed |= (uint32_t)(m[lane] & 1) << lane;
    return packed;
#endif
}

/* The first `count` lanes from and to memory; zeros where there is no memory. */
static inline lanes load(const float *from, int64_t count) {
    lanes values = {0};
    if (from && count == WIDTH) memcpy(&values, from, sizeof values);
    else if (from) memcpy(&values, from, (size_t)count * sizeof *from);
    return values;
}
static inline void store(float *to, lanes values, int64_t count) {
    if (count == WIDTH) memcpy(to, &values, sizeof values);
    else memcpy(to, &values, (size_t)count * sizeof *to);
}

/* The same for three values a pixel. */
typedef struct {
    lanes channels[3];
} colors;

static inline colors load_colors(const float *from, int64_t count) {
    float values[3][WIDTH] = {{0}};
    for (int64_t lane = 0; from && lane < count; lane++)
        for (int k = 0; k < 3; k++) values[k][lane] = from[3 * lane + k];
    colors loaded;
    memcpy(&loaded, values, sizeof loaded);
    return loaded;
}
static inline void store_colors(float *to, colors stored, int64_t count) {
    float values[3][WIDTH];
    memcpy(values, &stored, sizeof stored);
    for (int64_t lane = 0; lane < count; lane++)
        for (int k = 0; k < 3; k++) to[3 * lane + k] = values[k][lane];
}

/* exp(-8 x) for 0 <= x <= ln(255) / 8, relative error 6e-7: a minimax polynomial of exp(-x), to the 8th. */
static inline lanes exp_minus_8x(lanes x) {
    lanes p = all(-5.865791978e-03f);
    p = p * x + all(3.980347419e-02f);
    p = p * x + all(-1.659914867e-01f);
    p = p * x + all(4.998866246e-01f);
    p = p * x + all(-9.999928648e-01f);
    p = p * x + all(9.999999247e-01f);
    p *= p;
    p *= p;
    return p * p;
}

/* A splat seen from a tile: at column center c of a row, sigma / 8 = (l00 c + along[row])^2 + across[row]^2. */
typedef struct {
    const gh_splat *splat;
    float along[TILE], across[TILE];
    uint32_t touched; /* a bit for every segment that alpha >= 1/255 reaches */
} tile_splat;

static inline void see_from_tile(const gh_splat *splat, int64_t left_px, int64_t top_px, tile_splat *seen) {
    float x = splat->whole_x - (float)left_px + splat->x, y = splat->whole_y - (float)top_px + splat->y;
    float per_l00 = splat->per_l00;
    seen->splat = splat;
    seen->touched = 0;
    for (int row = 0; row < TILE; row += WIDTH) {
        lanes dy = CENTERS + ((float)row - y);
        lanes along = splat->l10 * dy - splat->l00 * x;
        lanes across = splat->l11 * dy;
        memcpy(seen->along + row, &along, sizeof along);
        memcpy(seen->across + row, &across, sizeof across);
        /* The column where sigma is least, and how far the nearest column of each part is from it. */
        lanes best = along * -per_l00;
        for (int part = 0; part < PARTS; part++) {
            float first = (float)(part * WIDTH) + 0.5f, last = first + (WIDTH - 1);
            lanes off = splat->l00 * (least(most(best, all(first)), all(last)) - best);
            seen->touched |= bits(off * off + across * across <= all(splat->reach)) << (row + part * TILE);
        }
    }
}

/* A tile's list of splats, front to back. */
typedef struct {
    const uint32_t *first;
    int64_t length;
    int64_t left, top; /* px, the tile's corner */
} tile_list;

static inline tile_list list_of(const gh_workspace *w, int64_t tile) {
    const uint32_t *first = w->lists + w->tile_ends[tile] - w->tile_totals[tile];
    return (tile_list){first, w->tile_totals[tile], tile % w->tiles_x * TILE, tile / w->tiles_x * TILE};
}

enum { BATCH = 16 };

/* The next splats of the list, from number `first`; how many, at most BATCH. */
static inline int64_t see_batch(const gh_workspace *w, tile_list list, int64_t first, tile_splat seen[BATCH]) {
    int64_t count = gh_min(BATCH, list.length - first);
    for (int64_t k = 0; k < count; k++) {
        /* Splats lie in the Gaussians' own order: ask for the next batch early. */
        __builtin_prefetch(w->splats + list.first[gh_min(first + k + BATCH, list.length - 1)]);
        see_from_tile(w->splats + list.first[first + k], list.left, list.top, &seen[k]);
    }
    return count;
}

/* How far a tile's pixels are, by segment. The transmittance of a finished pixel is stored negated: nothing
 * more is added to it, and its value is still known. Pixels outside the image start as finished. */
typedef struct {
    lanes transmittance[SEGMENTS];
    lanes depth_limits[SEGMENTS]; /* not filled while next_limit is infinite */
    float next_limit;             /* the nearest depth limit of an unfinished pixel */
    uint32_t open;                /* a bit for every segment that has an unfinished pixel */
} tile_pixels;

/* Pixels of a segment that lie in the image, and the first one's place there. */
typedef struct {
    int64_t pixel, count;
} segment_pixels;

static inline segment_pixels pixels_of(const gh_scene *scene, int64_t left, int64_t top, int segment) {
    int64_t x = left + segment / TILE * WIDTH, y = top + segment % TILE;
    int64_t count = y < scene->height ? gh_max(0, gh_min(WIDTH, scene->width - x)) : 0;
    return (segment_pixels){y * scene->width + x, count};
}

static void begin_tile(tile_pixels *p, const gh_scene *scene, int64_t left, int64_t top) {
    p->open = 0;
    p->next_limit = INFINITY;
    for (int segment = 0; segment < SEGMENTS; segment++) {
        segment_pixels place = pixels_of(scene, left, top, segment);
        p->transmittance[segment] = where(CENTERS < all((float)place.count), all(1));
        if (place.count) p->open |= 1u << segment;
        if (!scene->depth_limits) continue;
        p->depth_limits[segment] = load(scene->depth_limits + place.pixel, place.count);
        for (int64_t lane = 0; lane < place.count; lane++)
            p->next_limit = fminf(p->next_limit, p->depth_limits[segment][lane]);
    }
}

/* Finishes the pixels whose opaque surface lies before `depth`; splats come front to back. */
static void finish_hidden(tile_pixels *p, float depth) {
    float next = INFINITY;
    for (uint32_t segments = p->open; segments; segments &= segments - 1) {
        int segment = __builtin_ctz(segments);
        lanes before = p->transmittance[segment], limit = p->depth_limits[segment];
        lanes after = choose((before > all(0)) & (limit < all(depth)), -before, before);
        mask unfinished = after > all(0);
        p->transmittance[segment] = after;
        if (!bits(unfinished)) p->open &= ~(1u << segment);
        limit = choose(unfinished, limit, all(INFINITY));
        for (int lane = 0; lane < WIDTH; lane++) next = fminf(next, limit[lane]);
    }
    p->next_limit = next;
}

/* A splat in the pixels of a segment. */
typedef struct {
    mask hit;      /* where it is added */
    lanes unbound; /* alpha before it is bound to MAX_ALPHA */
    lanes alpha;
    lanes weight; /* alpha times the transmittance before it; 0 where it is not added */
} tile_hit;

/* Takes a splat's share out of the transmittance of a segment; `x` is sigma / 8 there. */
static inline tile_hit cover_segment(tile_pixels *p, const gh_splat *splat, int segment, lanes x) {
    tile_hit h;
    lanes before = p->transmittance[segment];
    mask seen = (x <= all(splat->reach)) & (before > all(0));
    h.unbound = splat->opacity * exp_minus_8x(x);
    h.alpha = least(h.unbound, all(MAX_ALPHA));
    lanes weight = h.alpha * before;
    /* The splat that would make a pixel opaque finishes the pixel and is not added. */
    mask last = seen & (before - weight <= all(MIN_TRANSMITTANCE));
    h.hit = seen & ~last;
    h.weight = where(h.hit, weight);
    lanes after = before - h.weight;
    if (bits(last)) {
        after = choose(last, -before, after);
        if (!bits(after > all(0))) p->open &= ~(1u << segment);
    }
    p->transmittance[segment] = after;
    return h;
}

#endif
