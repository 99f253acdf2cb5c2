/* Triangles -> the nearest surface in every pixel: what hides the Gaussians behind it.
 *
 * Homogeneous rasterisation (Olano and Greer 1997) needs no clipping: with the corners as columns (x w, y w, w)
 * of a matrix M, where x, y are pixels, the numbers e = M^-1 (px, py, 1) are the barycentric coordinates
 * divided by w. A pixel is covered where none of them is negative. */
#include <math.h>

#include "internal.h"

/* Pixels whose centre lies on the edge that two triangles share must not fall between them. */
static const double EDGE_TOLERANCE = 1e-9;
static const double MIN_DETERMINANT = 1e-300;

typedef struct {
    double inverse[3][3]; /* M^-1 */
    double z[3];
    int32_t x0, x1, y0, y1; /* px, ends excluded */
} triangle;

static int32_t whole_px(double value, int32_t size) {
    return value > 0 ? value < size ? (int32_t)value : size : 0;
}

/* Pixels that the corners span; everything when one lies beside or behind the camera. */
static void find_box(const gh_mesh *mesh, const double m[3][3], triangle *t) {
    t->x0 = 0, t->x1 = mesh->width, t->y0 = 0, t->y1 = mesh->height;
    if (!(m[2][0] > 0 && m[2][1] > 0 && m[2][2] > 0)) return;
    double low_x = INFINITY, low_y = INFINITY, high_x = -INFINITY, high_y = -INFINITY;
    for (int k = 0; k < 3; k++) {
        double x = m[0][k] / m[2][k], y = m[1][k] / m[2][k];
        low_x = fmin(low_x, x), high_x = fmax(high_x, x);
        low_y = fmin(low_y, y), high_y = fmax(high_y, y);
    }
    t->x0 = whole_px(floor(low_x - 0.5), mesh->width), t->x1 = whole_px(ceil(high_x + 0.5), mesh->width);
    t->y0 = whole_px(floor(low_y - 0.5), mesh->height), t->y1 = whole_px(ceil(high_y + 0.5), mesh->height);
}

static int invert(const double m[3][3], double inverse[3][3]) {
    double determinant = 0;
    for (int i = 0; i < 3; i++) {
        int a = (i + 1) % 3, b = (i + 2) % 3;
        for (int j = 0; j < 3; j++) {
            int c = (j + 1) % 3, d = (j + 2) % 3;
            inverse[j][i] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
        }
        determinant += m[i][0] * inverse[0][i];
    }
    if (!isfinite(determinant) || fabs(determinant) < MIN_DETERMINANT) return 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) inverse[i][j] /= determinant;
    return 1;
}

/* False when the triangle is broken, seen edge-on or outside the picture. */
static int set_up(const gh_mesh *mesh, int64_t index, triangle *t) {
    const float *corners = mesh->triangles + 9 * index;
    const double *v = mesh->viewmat;
    double m[3][3], nearest = INFINITY, farthest = -INFINITY;
    for (int k = 0; k < 3; k++) {
        const float *p = corners + 3 * k;
        double c[3];
        for (int row = 0; row < 3; row++)
            c[row] = v[4 * row] * p[0] + v[4 * row + 1] * p[1] + v[4 * row + 2] * p[2] + v[4 * row + 3];
        double w = mesh->is_orthographic ? 1 : c[2];
        m[0][k] = mesh->fx * c[0] + mesh->cx * w;
        m[1][k] = mesh->fy * c[1] + mesh->cy * w;
        m[2][k] = w;
        t->z[k] = c[2];
        nearest = fmin(nearest, c[2]), farthest = fmax(farthest, c[2]);
    }
    if (!(farthest >= mesh->near_plane && nearest <= mesh->far_plane) || !invert(m, t->inverse)) return 0;
    find_box(mesh, m, t);
    return t->x0 < t->x1 && t->y0 < t->y1;
}

static void draw_row(const gh_mesh *mesh, const triangle *t, int32_t index, int32_t y) {
    double py = y + 0.5;
    int64_t pixel = (int64_t)y * mesh->width + t->x0;
    for (int32_t x = t->x0; x < t->x1; x++, pixel++) {
        double e[3], sum = 0;
        for (int k = 0; k < 3; k++) {
            e[k] = t->inverse[k][0] * (x + 0.5) + t->inverse[k][1] * py + t->inverse[k][2];
            sum += e[k];
        }
        double least = -EDGE_TOLERANCE * sum;
        if (!(sum > 0 && e[0] >= least && e[1] >= least && e[2] >= least)) continue;
        double b1 = e[1] / sum, b2 = e[2] / sum;
        double z = t->z[0] * (1 - b1 - b2) + t->z[1] * b1 + t->z[2] * b2;
        if (!(z >= mesh->near_plane && z <= mesh->far_plane && (float)z < mesh->depths[pixel])) continue;
        mesh->depths[pixel] = (float)z;
        mesh->indices[pixel] = index;
        mesh->barycentrics[2 * pixel] = (float)b1;
        mesh->barycentrics[2 * pixel + 1] = (float)b2;
    }
}

int32_t gh_draw_mesh(const gh_mesh *mesh, int32_t first_row, int32_t end_row) {
    if (mesh->width < 1 || mesh->width > MAX_SIDE_PX || mesh->height < 1 || mesh->height > MAX_SIDE_PX ||
        mesh->num_triangles < 0 || mesh->num_triangles > INT32_MAX || first_row < 0 || end_row > mesh->height)
        return GH_BAD_SIZE;
    for (int64_t index = 0; index < mesh->num_triangles; index++) {
        triangle t;
        if (!set_up(mesh, index, &t)) continue;
        int32_t end = t.y1 < end_row ? t.y1 : end_row;
        for (int32_t y = t.y0 > first_row ? t.y0 : first_row; y < end; y++)
            draw_row(mesh, &t, (int32_t)index, y);
    }
    return GH_OK;
}
