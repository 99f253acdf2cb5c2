/* Tiles -> pixels: the splats of a tile's list, composited front to back. */
#include "tile.h"

/* What has been composited so far, by segment. */
typedef struct {
    tile_pixels pixels;
    lanes red[SEGMENTS], green[SEGMENTS], blue[SEGMENTS], depth[SEGMENTS];
} tile_state;

static inline void add_splat(tile_state *s, const tile_splat *seen) {
    const gh_splat *splat = seen->splat;
    if (splat->depth > s->pixels.next_limit) finish_hidden(&s->pixels, splat->depth);
    for (uint32_t segments = seen->touched & s->pixels.open; segments; segments &= segments - 1) {
        int segment = __builtin_ctz(segments), row = segment % TILE, part = segment / TILE;
        lanes along = splat->l00 * (CENTERS + (float)(part * WIDTH)) + seen->along[row];
        float across = seen->across[row];
        lanes weight = cover_segment(&s->pixels, splat, segment, along * along + across * across).weight;
        s->red[segment] += weight * splat->rgb[0];
        s->green[segment] += weight * splat->rgb[1];
        s->blue[segment] += weight * splat->rgb[2];
        s->depth[segment] += weight * splat->depth;
    }
}

static void write_tile(const tile_state *s, const gh_scene *scene, int64_t left, int64_t top) {
    int64_t columns = gh_min(TILE, scene->width - left), rows = gh_min(TILE, scene->height - top);
    for (int64_t row = 0; row < rows; row++) {
        int64_t pixel = (top + row) * scene->width + left;
        for (int64_t column = 0; column < columns; column++, pixel++) {
            int64_t segment = column / WIDTH * TILE + row, lane = column % WIDTH;
            float behind = fabsf(s->pixels.transmittance[segment][lane]), alpha = 1 - behind;
            scene->colors[3 * pixel] = s->red[segment][lane] + behind * scene->background[0];
            scene->colors[3 * pixel + 1] = s->green[segment][lane] + behind * scene->background[1];
            scene->colors[3 * pixel + 2] = s->blue[segment][lane] + behind * scene->background[2];
            scene->alphas[pixel] = alpha;
            scene->depths[pixel] = alpha > 0 ? s->depth[segment][lane] / alpha : 0;
        }
    }
}

static void blend_tile(const gh_workspace *w, int64_t tile) {
    tile_list list = list_of(w, tile);
    tile_state state;
    tile_splat seen[BATCH];
    memset(&state, 0, sizeof state);
    begin_tile(&state.pixels, &w->scene, list.left, list.top);
    for (int64_t first = 0; first < list.length && state.pixels.open; first += BATCH) {
        int64_t count = see_batch(w, list, first, seen);
        for (int64_t k = 0; k < count; k++) add_splat(&state, &seen[k]);
    }
    write_tile(&state, &w->scene, list.left, list.top);
}

void gh_blend_tiles(gh_workspace *w, int64_t item, int64_t band) {
    int64_t first = w->bands[band] + item * TILES_PER_ITEM;
    int64_t end = gh_min(first + TILES_PER_ITEM, w->bands[band + 1]);
    for (int64_t tile = first; tile < end; tile++) blend_tile(w, tile);
}
