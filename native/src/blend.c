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

static void write_segment(const tile_state *s, const gh_scene *scene, int segment, segment_pixels place) {
    lanes behind = s->pixels.transmittance[segment];
    behind = choose(behind < all(0), -behind, behind);
    lanes alpha = all(1) - behind;
    colors over = {{s->red[segment] + behind * scene->background[0],
                    s->green[segment] + behind * scene->background[1],
                    s->blue[segment] + behind * scene->background[2]}};
    store_colors(scene->colors + 3 * place.pixel, over, place.count);
    store(scene->alphas + place.pixel, alpha, place.count);
    store(scene->depths + place.pixel, where(alpha > all(0), s->depth[segment] / alpha), place.count);
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
    for (int segment = 0; segment < SEGMENTS; segment++)
        write_segment(&state, &w->scene, segment, pixels_of(&w->scene, list.left, list.top, segment));
}

void gh_blend_tiles(gh_workspace *w, int64_t item, int64_t band) {
    int64_t first = w->bands[band] + item * TILES_PER_ITEM;
    int64_t end = gh_min(first + TILES_PER_ITEM, w->bands[band + 1]);
    for (int64_t tile = first; tile < end; tile++) blend_tile(w, tile);
}
