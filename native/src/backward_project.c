/* Gradients of the splats -> gradients of the Gaussians: project.c, differentiated by hand. */
#include "project.h"

/* dL/dr of a rotation matrix -> dL/dquat. The matrix is I + s Q(quat) with s = 2 / |quat|^2 and Q of degree
 * two; so half of quat . dQ is Q itself, and the part along the quaternion falls out. */
static void rotation_backward(const float *quat, double g[3][3], float *out) {
    double w = quat[0], x = quat[1], y = quat[2], z = quat[3];
    double norm2 = w * w + x * x + y * y + z * z;
    double d[4] = {
        z * (g[1][0] - g[0][1]) + y * (g[0][2] - g[2][0]) + x * (g[2][1] - g[1][2]),
        y * (g[0][1] + g[1][0]) + z * (g[0][2] + g[2][0]) + w * (g[2][1] - g[1][2]) - 2 * x * (g[1][1] + g[2][2]),
        x * (g[0][1] + g[1][0]) + z * (g[1][2] + g[2][1]) + w * (g[0][2] - g[2][0]) - 2 * y * (g[0][0] + g[2][2]),
        x * (g[0][2] + g[2][0]) + y * (g[1][2] + g[2][1]) + w * (g[1][0] - g[0][1]) - 2 * z * (g[0][0] + g[1][1]),
    };
    double along = norm2 > 0 ? (w * d[0] + x * d[1] + y * d[2] + z * d[3]) / norm2 : 0;
    double s = norm2 > 0 ? 2 / norm2 : 0;
    for (int k = 0; k < 4; k++) out[k] = (float)(s * (d[k] - along * quat[k]));
}

/* dL/dp of the factor p = j r diag(scales) -> scales, quaternion, and j. */
static void factor_backward(const gh_scene *scene, int64_t i, const gh_projection *p, double dp[2][3],
                            const gh_gradients *g, double dj[2][3]) {
    const float *scales = scene->scales + 3 * i;
    double dr[3][3];
    for (int k = 0; k < 3; k++) {
        double ds = 0;
        for (int row = 0; row < 3; row++) {
            double dm = p->j[0][row] * dp[0][k] + p->j[1][row] * dp[1][k];
            dr[row][k] = dm * scales[k];
            ds += dm * p->r[row][k];
        }
        g->scales[3 * i + k] = (float)ds;
    }
    rotation_backward(scene->quats + 4 * i, dr, g->quats + 4 * i);
    for (int axis = 0; axis < 2; axis++)
        for (int row = 0; row < 3; row++) {
            dj[axis][row] = 0;
            for (int k = 0; k < 3; k++) dj[axis][row] += dp[axis][k] * p->r[row][k] * scales[k];
        }
}

/* dL of the splat's place, depth and Jacobian -> the mean. */
static void mean_backward(const gh_scene *scene, const gh_projection *p, const double place[2], double depth,
                          double dj[2][3], float *out) {
    const double *v = scene->viewmat;
    double focal[2] = {scene->fx, scene->fy}, camera[3] = {0, 0, depth};
    for (int axis = 0; axis < 2; axis++) {
        double slope = focal[axis] * place[axis];
        if (!scene->is_orthographic) {
            /* j = focal / z (v_axis - bounded slope v_z) */
            double across = 0, scale = 0;
            for (int k = 0; k < 3; k++) {
                across += dj[axis][k] * v[8 + k];
                scale += dj[axis][k] * p->j[axis][k];
            }
            if (p->bounded_slope[axis] == p->slope[axis]) slope -= focal[axis] * p->per_z * across;
            camera[2] -= p->per_z * (slope * p->slope[axis] + scale);
        }
        camera[axis] = p->per_z * slope;
    }
    for (int k = 0; k < 3; k++)
        out[k] = (float)(camera[0] * v[k] + camera[1] * v[4 + k] + camera[2] * v[8 + k]);
}

static void differentiate(const gh_scene *scene, const gh_slope_limits *limits, int64_t i,
                          const gh_splat *splat, const gh_record *sums, const gh_gradients *g) {
    gh_projection p = gh_project(scene, limits, i, gh_depth(scene, i));
    /* (a, b): the inverse covariance times the pixel's offset, in terms of (u, v), without a factor of 16. */
    double l00 = splat->l00, l10 = splat->l10, l11 = splat->l11;
    double a = l00 * sums->hu, b = l10 * sums->hu + l11 * sums->hv;
    double aa = l00 * l00 * sums->huu, ab = l00 * (l10 * sums->huu + l11 * sums->huv);
    double bb = l10 * l10 * sums->huu + 2 * l10 * l11 * sums->huv + l11 * l11 * sums->hvv;
    double place[2] = {16 * a, 16 * b};
    double dp[2][3], dj[2][3];
    for (int k = 0; k < 3; k++) {
        dp[0][k] = 256 * (aa * p.p[0][k] + ab * p.p[1][k]);
        dp[1][k] = 256 * (ab * p.p[0][k] + bb * p.p[1][k]);
    }
    factor_backward(scene, i, &p, dp, g, dj);
    mean_backward(scene, &p, place, sums->depth, dj, g->means + 3 * i);
    float opacity = scene->opacities[i];
    g->opacities[i] = opacity <= 1 ? sums->h / opacity : 0;
    for (int k = 0; k < 3; k++) g->rgb[3 * i + k] = sums->rgb[k];
    for (int k = 0; k < 2; k++) g->means2d[2 * i + k] = (float)place[k];
    g->num_pixels[i] = (int32_t)sums->num_pixels;
}

static void set_zero(const gh_gradients *g, int64_t i) {
    for (int k = 0; k < 4; k++) g->quats[4 * i + k] = 0;
    for (int k = 0; k < 3; k++) g->means[3 * i + k] = g->scales[3 * i + k] = g->rgb[3 * i + k] = 0;
    for (int k = 0; k < 2; k++) g->means2d[2 * i + k] = 0;
    g->opacities[i] = 0;
    g->num_pixels[i] = 0;
}

void gh_differentiate_chunk(gh_workspace *w, int64_t chunk, int64_t unused) {
    (void)unused;
    int64_t end = gh_min((chunk + 1) * CHUNK, w->scene.num_gaussians);
    gh_slope_limits limits = gh_limits_of(&w->scene);
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        if (w->sums[i].num_pixels > 0)
            differentiate(&w->scene, &limits, i, w->splats + i, w->sums + i, &w->gradients);
        else
            set_zero(&w->gradients, i);
    }
}
