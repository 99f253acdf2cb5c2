/* Gradients of the pixels -> gradients of the splats.
 *
 * A pixel is C = sum of w_k c_k with w_k = alpha_k T_k, T_k the product of the (1 - alpha_j) before k. Colour,
 * alpha and depth together change the loss by sum of w_k q_k, where q_k is what the loss gains from weight
 * on splat k in this pixel. Then
 *     dL/dalpha_k = T_k q_k - (sum of w_j q_j over the j behind k) / (1 - alpha_k),
 * and the sum behind is known on the way from front to back, as its total follows from the finished pixel
 * (3D Gaussian Splatting, Kerbl et al. 2023, walks from back to front and divides by 1 - alpha instead).
 *
 * A tile writes one record for each splat of its list; then each Gaussian adds up its own records, always
 * in the same order. So threads share no sums, and any number of them gives the same gradients. */
#include "tile.h"

/* The images' gradients in a tile, by segment. */
typedef struct {
    tile_pixels pixels;
    lanes red[SEGMENTS], green[SEGMENTS], blue[SEGMENTS], depth[SEGMENTS]; /* q = r red + g green + ... */
    lanes offset[SEGMENTS];                                              /* ... + z depth + offset */
    lanes behind[SEGMENTS]; /* sum of w q over the splats that are still to come */
} tile_state;

/* What a record sums over pixels; h is alpha dL/dalpha, and (u, v) the pixel seen from the splat's centre in
 * units in which the splat is round: sigma / 8 = u^2 + v^2. */
typedef struct {
    lanes h, hu, hv, huu, huv, hvv;
    lanes red, green, blue, depth;
    mask pixels;
} tile_sums;

static inline void differentiate_segment(tile_state *s, const tile_splat *seen, int segment, tile_sums *sums) {
    const gh_splat *splat = seen->splat;
    lanes u = splat->l00 * (CENTERS + (float)(segment / TILE * WIDTH)) + seen->along[segment % TILE];
    float v = seen->across[segment % TILE];
    tile_hit hit = cover_segment(&s->pixels, splat, segment, u * u + v * v);
    lanes q = s->red[segment] * splat->rgb[0] + s->green[segment] * splat->rgb[1] +
              s->blue[segment] * splat->rgb[2] + s->depth[segment] * splat->depth + s->offset[segment];
    lanes wq = where(hit.hit, hit.weight * q);
    lanes behind = s->behind[segment] - wq;
    s->behind[segment] = behind;
    /* Alpha does not follow the splat where it is bound. */
    mask free = hit.hit & (hit.unbound <= all(MAX_ALPHA));
    lanes h = where(free, wq - behind * (hit.alpha / (all(1) - hit.alpha)));
    lanes hu = h * u, hv = h * v;
    sums->h += h, sums->hu += hu, sums->hv += hv;
    sums->huu += hu * u, sums->huv += hu * v, sums->hvv += hv * v;
    sums->red += hit.weight * s->red[segment];
    sums->green += hit.weight * s->green[segment];
    sums->blue += hit.weight * s->blue[segment];
    sums->depth += hit.weight * s->depth[segment];
    sums->pixels -= hit.hit;
}

typedef float eight __attribute__((vector_size(32)));

static inline eight fold(lanes values) {
#ifdef __AVX512F__
    return __builtin_shufflevector(values, values, 0, 1, 2, 3, 4, 5, 6, 7) +
           __builtin_shufflevector(values, values, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    return values;
#endif
}

/* Two vectors' sums of neighbours, then of pairs, then of fours, take turns in one vector. */
static inline eight add_ones(eight a, eight b) {
    return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
           __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
}
static inline eight add_pairs(eight a, eight b) {
    return __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
           __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
}
static inline eight add_fours(eight a, eight b) {
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
           __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
}

/* The sum of each sum's lanes, in the order of gh_record. */
static inline void write_record(const tile_sums *s, gh_record *record) {
    eight blue = fold(s->blue), depth = fold(s->depth), none = {0};
    eight pixels = fold(__builtin_convertvector(s->pixels, lanes));
    eight sums[2] = {
        add_fours(add_pairs(add_ones(fold(s->h), fold(s->hu)), add_ones(fold(s->hv), fold(s->huu))),
                  add_pairs(add_ones(fold(s->huv), fold(s->hvv)), add_ones(fold(s->red), fold(s->green)))),
        add_fours(add_pairs(add_ones(blue, depth), add_ones(pixels, none)), none),
    };
    _Static_assert(sizeof sums == sizeof *record, "a record is two vectors");
    memcpy(record, sums, sizeof sums);
}

static inline void differentiate_splat(tile_state *s, const tile_splat *seen, gh_record *record) {
    if (seen->splat->depth > s->pixels.next_limit) finish_hidden(&s->pixels, seen->splat->depth);
    tile_sums sums = {0};
    for (uint32_t segments = seen->touched & s->pixels.open; segments; segments &= segments - 1)
        differentiate_segment(s, seen, __builtin_ctz(segments), &sums);
    write_record(&sums, record);
}

/* q and the sum behind the first splat, from what the forward pass drew. With D = sum of w z / A, the
 * gradient of D becomes one of the sums and one of A; the background is seen through 1 - A. */
static void read_segment(tile_state *s, const gh_workspace *w, int segment, segment_pixels place) {
    const gh_scene *scene = &w->scene;
    const gh_gradients *g = &w->gradients;
    int64_t pixel = place.pixel, count = place.count;
    lanes alpha = load(scene->alphas + pixel, count), depth = load(scene->depths + pixel, count);
    lanes of_alpha = load(g->of_alphas ? g->of_alphas + pixel : NULL, count);
    lanes of_depth = load(g->of_depths ? g->of_depths + pixel : NULL, count);
    lanes of_sum = where(alpha > all(0), of_depth / alpha);
    lanes offset = of_alpha - of_sum * depth, behind = of_alpha * alpha;
    colors color = load_colors(scene->colors + 3 * pixel, count);
    colors of_color = load_colors(g->of_colors ? g->of_colors + 3 * pixel : NULL, count);
    for (int k = 0; k < 3; k++) {
        offset -= of_color.channels[k] * scene->background[k];
        behind += of_color.channels[k] * (color.channels[k] - scene->background[k]);
    }
    s->red[segment] = of_color.channels[0];
    s->green[segment] = of_color.channels[1];
    s->blue[segment] = of_color.channels[2];
    s->depth[segment] = of_sum, s->offset[segment] = offset, s->behind[segment] = behind;
}

static void differentiate_tile(const gh_workspace *w, int64_t tile) {
    tile_list list = list_of(w, tile);
    gh_record *records = w->records + (list.first - w->lists);
    tile_state state;
    tile_splat seen[BATCH];
    memset(&state, 0, sizeof state);
    begin_tile(&state.pixels, &w->scene, list.left, list.top);
    for (int segment = 0; segment < SEGMENTS; segment++)
        read_segment(&state, w, segment, pixels_of(&w->scene, list.left, list.top, segment));
    int64_t first = 0;
    for (; first < list.length && state.pixels.open; first += BATCH) {
        int64_t count = see_batch(w, list, first, seen);
        for (int64_t k = 0; k < count; k++) differentiate_splat(&state, &seen[k], &records[first + k]);
    }
    w->record_ends[tile] = (uint32_t)(list.first - w->lists + gh_min(first, list.length));
}

void gh_differentiate_tiles(gh_workspace *w, int64_t item, int64_t band) {
    int64_t first = w->bands[band] + item * TILES_PER_ITEM;
    int64_t end = gh_min(first + TILES_PER_ITEM, w->bands[band + 1]);
    for (int64_t tile = first; tile < end; tile++) differentiate_tile(w, tile);
}
