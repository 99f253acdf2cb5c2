/* The projection of one Gaussian (EWA splatting, Zwicker et al. 2001), for project.c and its derivative.
 *
 * Positions and covariances are in double: depth keys then agree with the float64 reference, and thin
 * splats far from the origin keep their shape. */
#ifndef GH_PROJECT_H
#define GH_PROJECT_H

#include "internal.h"

static inline double gh_clamp(double value, double low, double high) {
    return value < low ? low : value > high ? high : value;
}

/* Limits of a ray's slope x / z or y / z; they hold for the Jacobian only. */
typedef struct {
    double low[2], high[2];
} gh_slope_limits;

static inline gh_slope_limits gh_limits_of(const gh_scene *scene) {
    static const double margin = 0.3; /* half image widths outside the image */
    double focal[2] = {scene->fx, scene->fy}, center[2] = {scene->cx, scene->cy};
    double size[2] = {scene->width, scene->height};
    gh_slope_limits limits;
    for (int axis = 0; axis < 2; axis++) {
        limits.low[axis] = (-center[axis] - margin * 0.5 * size[axis]) / focal[axis];
        limits.high[axis] = (size[axis] - center[axis] + margin * 0.5 * size[axis]) / focal[axis];
    }
    return limits;
}

static inline double gh_depth(const gh_scene *scene, int64_t i) {
    const float *mean = scene->means + 3 * i;
    const double *v = scene->viewmat;
    return v[8] * mean[0] + v[9] * mean[1] + v[10] * mean[2] + v[11];
}

typedef struct {
    double per_z;              /* 1 for an orthographic camera, whose rays are parallel */
    double slope[2];           /* x / z and y / z of the centre; x and y for an orthographic camera */
    double bounded_slope[2];   /* the same within the limits; 0 for an orthographic camera */
    double j[2][3];            /* Jacobian: px by world */
    double r[3][3];            /* of the quaternion */
    double p[2][3];            /* j r diag(scales): the 2D covariance is p p^T + EPS2D */
} gh_projection;

static inline void gh_rotation(const float *quat, double r[3][3]) {
    double w = quat[0], x = quat[1], y = quat[2], z = quat[3];
    double norm2 = w * w + x * x + y * y + z * z;
    double s = norm2 > 0.0 ? 2.0 / norm2 : 0.0;
    r[0][0] = 1 - s * (y * y + z * z), r[0][1] = s * (x * y - w * z), r[0][2] = s * (x * z + w * y);
    r[1][0] = s * (x * y + w * z), r[1][1] = 1 - s * (x * x + z * z), r[1][2] = s * (y * z - w * x);
    r[2][0] = s * (x * z - w * y), r[2][1] = s * (y * z + w * x), r[2][2] = 1 - s * (x * x + y * y);
}

static inline gh_projection gh_project(const gh_scene *scene, const gh_slope_limits *limits, int64_t i, double z) {
    const float *mean = scene->means + 3 * i, *scales = scene->scales + 3 * i;
    double focal[2] = {scene->fx, scene->fy};
    gh_projection p;
    p.per_z = scene->is_orthographic ? 1 : 1 / z;
    gh_rotation(scene->quats + 4 * i, p.r);
    for (int axis = 0; axis < 2; axis++) {
        const double *v = scene->viewmat + 4 * axis, *v_z = scene->viewmat + 8;
        double slope = (v[0] * mean[0] + v[1] * mean[1] + v[2] * mean[2] + v[3]) * p.per_z;
        double bounded = scene->is_orthographic ? 0 : gh_clamp(slope, limits->low[axis], limits->high[axis]);
        p.slope[axis] = slope, p.bounded_slope[axis] = bounded;
        for (int k = 0; k < 3; k++) p.j[axis][k] = focal[axis] * p.per_z * (v[k] - bounded * v_z[k]);
        for (int k = 0; k < 3; k++)
            p.p[axis][k] =
                (p.j[axis][0] * p.r[0][k] + p.j[axis][1] * p.r[1][k] + p.j[axis][2] * p.r[2][k]) * scales[k];
    }
    return p;
}

#endif
