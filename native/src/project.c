/* Gaussians -> splats on the image (EWA splatting), in the conventions of gsplat's classic mode.
 *
 * Positions and covariances are in double: depth keys then agree with the float64 reference, and thin
 * splats far from the origin keep their shape. */
#include <math.h>

#include "internal.h"

static const double NEAR_PLANE = 0.01, FAR_PLANE = 1e10;
static const double EPS2D = 0.3;        /* px^2, the low-pass */
static const double CLAMP_MARGIN = 0.3; /* half image widths outside the image */
static const double MIN_DETERMINANT = 1e-10;

static double clamp(double value, double low, double high) {
    return value < low ? low : value > high ? high : value;
}

/* Limits of a ray's slope x / z or y / z; they hold for the Jacobian only. */
typedef struct {
    double low, high;
} slope_limits;

static slope_limits limits(double focal, double center, int32_t size) {
    double margin = CLAMP_MARGIN * 0.5 * size / focal;
    return (slope_limits){-center / focal - margin, (size - center) / focal + margin};
}

static void rotation(const float *quat, double r[3][3]) {
    double w = quat[0], x = quat[1], y = quat[2], z = quat[3];
    double norm2 = w * w + x * x + y * y + z * z;
    double s = norm2 > 0.0 ? 2.0 / norm2 : 0.0;
    r[0][0] = 1 - s * (y * y + z * z), r[0][1] = s * (x * y - w * z), r[0][2] = s * (x * z + w * y);
    r[1][0] = s * (x * y + w * z), r[1][1] = 1 - s * (x * x + z * z), r[1][2] = s * (y * z - w * x);
    r[2][0] = s * (x * z - w * y), r[2][1] = s * (y * z + w * x), r[2][2] = 1 - s * (x * x + y * y);
}

/* One row of P = J R_view R diag(scales), so that the 2D covariance is P P^T. */
static void factor_row(const double j[3], double r[3][3], const float *scales, double row[3]) {
    for (int k = 0; k < 3; k++)
        row[k] = (j[0] * r[0][k] + j[1] * r[1][k] + j[2] * r[2][k]) * scales[k];
}

static double dot3(const double a[3], const double b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* Tiles [first, end) of a row or column of tiles that have a pixel centre within `half` of `center`. */
static void tile_range(double center, double half, int32_t size, uint16_t *first, uint16_t *end) {
    int32_t first_px = (int32_t)clamp(ceil(center - half - 0.5), 0, size);
    int32_t end_px = (int32_t)clamp(floor(center + half - 0.5) + 1, 0, size);
    *first = (uint16_t)(first_px / TILE);
    *end = (uint16_t)(first_px < end_px ? (end_px + TILE - 1) / TILE : first_px / TILE);
}

/* False when the Gaussian cannot be seen; `splat` and `box` are then left half filled. */
static int project(const gh_scene *scene, const slope_limits limits[2], int64_t i, gh_splat *splat,
                   gh_tile_box *box) {
    const float *mean = scene->means + 3 * i;
    const double *v = scene->viewmat;
    double z = v[8] * mean[0] + v[9] * mean[1] + v[10] * mean[2] + v[11];
    float opacity = scene->opacities[i];
    if (!(z >= NEAR_PLANE && z <= FAR_PLANE && opacity > MIN_ALPHA)) return 0;
    if (opacity > 1) opacity = 1;
    /* An orthographic camera's rays are parallel: what is "per z" below is then one. */
    double per_z = scene->is_orthographic ? 1 : 1 / z;
    double slope_x = (v[0] * mean[0] + v[1] * mean[1] + v[2] * mean[2] + v[3]) * per_z;
    double slope_y = (v[4] * mean[0] + v[5] * mean[1] + v[6] * mean[2] + v[7]) * per_z;
    double x = scene->fx * slope_x + scene->cx, y = scene->fy * slope_y + scene->cy;

    double tx = scene->is_orthographic ? 0 : clamp(slope_x, limits[0].low, limits[0].high);
    double ty = scene->is_orthographic ? 0 : clamp(slope_y, limits[1].low, limits[1].high);
    double kx = scene->fx * per_z, ky = scene->fy * per_z;
    double jx[3], jy[3], r[3][3], px[3], py[3];
    for (int k = 0; k < 3; k++) {
        jx[k] = kx * (v[k] - tx * v[8 + k]);
        jy[k] = ky * (v[4 + k] - ty * v[8 + k]);
    }
    rotation(scene->quats + 4 * i, r);
    factor_row(jx, r, scene->scales + 3 * i, px);
    factor_row(jy, r, scene->scales + 3 * i, py);
    double c00 = dot3(px, px) + EPS2D, c01 = dot3(px, py), c11 = dot3(py, py) + EPS2D;
    double det = fmax(c00 * c11 - c01 * c01, MIN_DETERMINANT);

    double log_reach = log((double)opacity * 255.0), deviations = sqrt(2 * log_reach);
    double root_c11 = sqrt(c11), root_det = sqrt(det), per_root_c11 = 1 / root_c11;
    double half_x = deviations * sqrt(c00), half_y = deviations * root_c11;
    if (!isfinite(x) || !isfinite(y) || !isfinite(half_x * half_y * det)) return 0;
    tile_range(x, half_x, scene->width, &box->x0, &box->x1);
    tile_range(y, half_y, scene->height, &box->y0, &box->y1);
    if (box->x0 == box->x1 || box->y0 == box->y1) return 0;

    splat->x = (float)x, splat->y = (float)y;
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
    slope_limits slopes[2] = {limits(scene->fx, scene->cx, scene->width),
                              limits(scene->fy, scene->cy, scene->height)};
    gh_chunk found = {0, UINT32_MAX, 0};
    for (int64_t i = first; i < end; i++) {
        gh_splat *splat = w->splats + i;
        if (!project(scene, slopes, i, splat, w->tile_boxes + i)) continue;
        union { float value; uint32_t bits; } depth = {splat->depth};
        keys[found.num_visible++] = (gh_key){depth.bits, (uint32_t)i};
        if (depth.bits < found.min_depth) found.min_depth = depth.bits;
        if (depth.bits > found.max_depth) found.max_depth = depth.bits;
    }
    w->chunks[chunk] = found;
}
