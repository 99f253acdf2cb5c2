/* Gaussians -> splats on the image, in the conventions of gsplat's classic mode. */
#include <math.h>
#include <string.h>

#include "project.h"

static const double NEAR_PLANE = 0.01, FAR_PLANE = 1e10;
static const double EPS2D = 0.3;        /* px^2, the low-pass */
static const double MIN_DETERMINANT = 1e-10;

static double dot3(const double a[3], const double b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* Tiles [first, end) of a row or column of tiles that have a pixel centre within `half` of `center`. */
static void tile_range(double center, double half, int32_t size, uint16_t *first, uint16_t *end) {
    int32_t first_px = (int32_t)gh_clamp(ceil(center - half - 0.5), 0, size);
    int32_t end_px = (int32_t)gh_clamp(floor(center + half - 0.5) + 1, 0, size);
    *first = (uint16_t)(first_px / TILE);
    *end = (uint16_t)(first_px < end_px ? (end_px + TILE - 1) / TILE : first_px / TILE);
}

/* False when the Gaussian cannot be seen; `splat` and `box` are then left half filled. */
static int project(const gh_scene *scene, const gh_slope_limits *limits, int64_t i, gh_splat *splat,
                   gh_tile_box *box) {
    double z = gh_depth(scene, i);
    float opacity = scene->opacities[i];
    if (!(z >= NEAR_PLANE && z <= FAR_PLANE && opacity > MIN_ALPHA)) return 0;
    if (opacity > 1) opacity = 1;
    gh_projection p = gh_project(scene, limits, i, z);
    double x = scene->fx * p.slope[0] + scene->cx, y = scene->fy * p.slope[1] + scene->cy;
    double c00 = dot3(p.p[0], p.p[0]) + EPS2D, c01 = dot3(p.p[0], p.p[1]), c11 = dot3(p.p[1], p.p[1]) + EPS2D;
    double det = fmax(c00 * c11 - c01 * c01, MIN_DETERMINANT);

    double log_reach = log((double)opacity * 255.0), deviations = sqrt(2 * log_reach);
    double root_c11 = sqrt(c11), root_det = sqrt(det), per_root_c11 = 1 / root_c11;
    double half_x = deviations * sqrt(c00), half_y = deviations * root_c11;
    if (!isfinite(x) || !isfinite(y) || !isfinite(half_x * half_y * det)) return 0;
    tile_range(x, half_x, scene->width, &box->x0, &box->x1);
    tile_range(y, half_y, scene->height, &box->y0, &box->y1);
    if (box->x0 == box->x1 || box->y0 == box->y1) return 0;

    splat->whole_x = (float)round(x), splat->whole_y = (float)round(y);
    splat->x = (float)(x - splat->whole_x), splat->y = (float)(y - splat->whole_y);
    /* 1/4: sigma = (..)^2 / 2 and the kernel wants sigma / 8. */
    double per_root_det = 1 / root_det;
    splat->l00 = (float)(0.25 * root_c11 * per_root_det);
    splat->l10 = (float)(-0.25 * c01 * per_root_det * per_root_c11);
    splat->l11 = (float)(0.25 * per_root_c11);
    splat->per_l00 = (float)(4 * root_det * per_root_c11);
    splat->reach = (float)(log_reach / 8);
    splat->opacity = opacity;
    for (int k = 0; k < 3; k++) splat->rgb[k] = scene->rgb[3 * i + k];
    splat->depth = (float)z;
    return 1;
}

void gh_project_chunk(gh_workspace *w, int64_t chunk, int64_t unused) {
    (void)unused;
    int64_t first = chunk * CHUNK, end = gh_min(first + CHUNK, w->scene.num_gaussians);
    gh_key *keys = w->keys[0] + first;
    const gh_scene *scene = &w->scene;
    gh_slope_limits limits = gh_limits_of(scene);
    gh_chunk found = {0, UINT32_MAX, 0};
    for (int64_t i = first; i < end; i++) {
        gh_splat *splat = w->splats + i;
        if (!project(scene, &limits, i, splat, w->tile_boxes + i)) continue;
        union { float value; uint32_t bits; } depth = {splat->depth};
        keys[found.num_visible++] = (gh_key){depth.bits, (uint32_t)i};
        if (depth.bits < found.min_depth) found.min_depth = depth.bits;
        if (depth.bits > found.max_depth) found.max_depth = depth.bits;
    }
    w->chunks[chunk] = found;
    if (w->sums) memset(w->sums + first, 0, (size_t)(end - first) * sizeof *w->sums);
}
