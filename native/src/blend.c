/* Tiles -> pixels: the splats of a tile's list, composited front to back.
 *
 * Half a row of a tile, eight pixels, is the unit of work: one AVX register, two of SSE or NEON. */
#include <string.h>

#include "internal.h"

enum { WIDTH = 8, HALVES = TILE / WIDTH };

typedef float f8 __attribute__((vector_size(4 * WIDTH)));
typedef int32_t i8 __attribute__((vector_size(4 * WIDTH)));

/* What has been composited so far. The transmittance of a finished pixel is stored negated: nothing more
 * is added to it, and its value is still known. Pixels outside the image start as finished. */
typedef struct {
    f8 transmittance[TILE][HALVES];
    f8 red[TILE][HALVES], green[TILE][HALVES], blue[TILE][HALVES];
    f8 depth[TILE][HALVES];
    uint32_t open; /* a bit for every half row that has an unfinished pixel */
} tile_state;

static inline f8 splat8(float value) {
    return (f8){value, value, value, value, value, value, value, value};
}

static inline f8 choose(i8 mask, f8 yes, f8 no) { return (f8)((mask & (i8)yes) | (~mask & (i8)no)); }

static inline int any(i8 mask) {
#ifdef __clang__
    return __builtin_reduce_or(mask) != 0;
#else
    return (mask[0] | mask[1] | mask[2] | mask[3] | mask[4] | mask[5] | mask[6] | mask[7]) != 0;
#endif
}

/* exp(-8 x) for 0 <= x <= ln(255) / 8, relative error 6e-7: a minimax polynomial of exp(-x), to the 8th. */
static inline f8 exp_minus_8x(f8 x) {
    f8 p = splat8(-5.865791978e-03f);
    p = p * x + splat8(3.980347419e-02f);
    p = p * x + splat8(-1.659914867e-01f);
    p = p * x + splat8(4.998866246e-01f);
    p = p * x + splat8(-9.999928648e-01f);
    p = p * x + splat8(9.999999247e-01f);
    p *= p;
    p *= p;
    return p * p;
}

static uint32_t open_bit(int row, int half) { return 1u << (row * HALVES + half); }

/* Adds a splat to eight pixels; `x` is sigma / 8 there. */
static inline void add_to_pixels(tile_state *s, const gh_splat *splat, int row, int half, f8 x) {
    f8 before = s->transmittance[row][half];
    i8 hit = (x <= splat8(splat->reach)) & (before > splat8(0));
    if (!any(hit)) return;
    f8 alpha = splat->opacity * exp_minus_8x(x);
    alpha = choose(alpha > splat8(MAX_ALPHA), splat8(MAX_ALPHA), alpha);
    f8 weight = alpha * before;
    f8 after = before - weight;
    /* The splat that would make a pixel opaque finishes the pixel and is not added. */
    i8 last = hit & (after <= splat8(MIN_TRANSMITTANCE));
    weight = (f8)((i8)weight & hit & ~last);
    s->red[row][half] += weight * splat->rgb[0];
    s->green[row][half] += weight * splat->rgb[1];
    s->blue[row][half] += weight * splat->rgb[2];
    s->depth[row][half] += weight * splat->depth;
    after = before - weight;
    if (any(last)) {
        after = choose(last, -before, after);
        if (!any(after > splat8(0))) s->open &= ~open_bit(row, half);
    }
    s->transmittance[row][half] = after;
}

static inline void add_splat(tile_state *s, const gh_splat *splat, int32_t left, int32_t top) {
    int first_row = (int)gh_max(splat->y0 - top, 0), end_row = (int)gh_min(splat->y1 - top, TILE);
    int first_half = splat->x0 - left >= WIDTH, end_half = splat->x1 - left > WIDTH ? 2 : 1;
    float x = splat->x - (float)left, y = splat->y - (float)top;
    const f8 centers = {0.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f, 6.5f, 7.5f};
    for (int row = first_row; row < end_row; row++) {
        float dy = (float)row + 0.5f - y;
        float across = splat->l11 * dy;
        for (int half = first_half; half < end_half; half++) {
            if (!(s->open & open_bit(row, half))) continue;
            f8 dx = centers + ((float)(half * WIDTH) - x);
            f8 along = splat->l00 * dx + splat->l10 * dy;
            add_to_pixels(s, splat, row, half, along * along + across * across);
        }
    }
}

static void begin_tile(tile_state *s, int32_t columns, int32_t rows) {
    memset(s, 0, sizeof *s);
    for (int row = 0; row < rows; row++)
        for (int half = 0; half < HALVES; half++)
            for (int lane = 0; lane < WIDTH; lane++)
                if (half * WIDTH + lane < columns) {
                    s->transmittance[row][half][lane] = 1;
                    s->open |= open_bit(row, half);
                }
}

static void write_tile(const tile_state *s, const gh_scene *scene, int64_t left, int64_t top) {
    int64_t columns = gh_min(TILE, scene->width - left), rows = gh_min(TILE, scene->height - top);
    for (int64_t row = 0; row < rows; row++) {
        int64_t pixel = (top + row) * scene->width + left;
        const float *red = (const float *)s->red[row], *green = (const float *)s->green[row];
        const float *blue = (const float *)s->blue[row], *depth = (const float *)s->depth[row];
        const float *transmittance = (const float *)s->transmittance[row];
        for (int64_t k = 0; k < columns; k++, pixel++) {
            float behind = transmittance[k] < 0 ? -transmittance[k] : transmittance[k];
            float alpha = 1 - behind;
            scene->colors[3 * pixel] = red[k] + behind * scene->background[0];
            scene->colors[3 * pixel + 1] = green[k] + behind * scene->background[1];
            scene->colors[3 * pixel + 2] = blue[k] + behind * scene->background[2];
            scene->alphas[pixel] = alpha;
            scene->depths[pixel] = alpha > 0 ? depth[k] / alpha : 0;
        }
    }
}

void gh_blend_tile(gh_workspace *w, int64_t item, int64_t band) {
    int64_t tile = w->bands[band] + item;
    int32_t left = (int32_t)(tile % w->tiles_x) * TILE, top = (int32_t)(tile / w->tiles_x) * TILE;
    const uint32_t *list = w->lists + w->tile_ends[tile] - w->tile_totals[tile];
    int64_t length = w->tile_totals[tile];
    tile_state state;
    begin_tile(&state, w->scene.width - left, (int32_t)gh_min(TILE, w->scene.height - top));
    for (int64_t k = 0; k < length && state.open; k++) {
        /* Splats lie in the Gaussians' own order: ask for them early. */
        __builtin_prefetch(w->splats + list[gh_min(k + 8, length - 1)]);
        add_splat(&state, w->splats + list[k], left, top);
    }
    write_tile(&state, &w->scene, left, top);
}
