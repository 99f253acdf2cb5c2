/* Public interface of the rasteriser: plain C, loaded with ctypes.
 *
 * A picture is made with two calls:
 *     gh_begin(workspace, &scene);   checks sizes, reserves memory
 *     gh_work(workspace);            by as many threads as the caller likes, each when it likes
 * When a gh_work returns, the picture is finished; when all have, the workspace is free for the next.
 * The library starts no threads and has no global state. Every gh_work takes pieces of the work until
 * none is left, and the pixels do not depend on how many threads there are. */
#ifndef GH_RASTERIZER_H
#define GH_RASTERIZER_H

#include <stdint.h>

#ifdef _WIN32
#define GH_API __declspec(dllexport)
#else
#define GH_API __attribute__((visibility("default")))
#endif

/* Raised whenever gh_scene or a function changes. */
#define GH_INTERFACE_VERSION 4

enum { GH_OK = 0, GH_OUT_OF_MEMORY = 1, GH_BAD_SIZE = 2 };

/* Gaussians are post-activation float32 and must be finite; every array is C-contiguous. */
typedef struct {
    int64_t num_gaussians;
    const float *means;     /* [N, 3] world */
    const float *quats;     /* [N, 4] wxyz, normalised inside; all zero means no rotation */
    const float *scales;    /* [N, 3] standard deviations */
    const float *opacities; /* [N] values above 1 count as 1 */
    const float *rgb;       /* [N, 3] */
    double viewmat[12];     /* the upper 3 rows of world -> camera, OpenCV axes, row by row */
    double fx, fy, cx, cy;  /* px; of an orthographic camera fx and fy in px per world unit */
    float background[3];
    int32_t width, height;
    int32_t is_orthographic;
    const float *depth_limits; /* [H, W] or NULL: what lies deeper is hidden in that pixel; no NaN */
    float *colors; /* out [H, W, 3] premultiplied, over the background */
    float *alphas; /* out [H, W] */
    float *depths; /* out [H, W] expected depth, 0 where alpha is 0 */
} gh_scene;

typedef struct gh_workspace gh_workspace;

GH_API int32_t gh_interface_version(void);

/* The highest build that this processor and system run: 4 for x86-64-v4 (AVX-512), 3 for x86-64-v3 (AVX2 and
 * FMA), else 0 for the base build. */
GH_API int32_t gh_processor_level(void);

/* NULL when there is no memory. A workspace makes one picture at a time and keeps its buffers. */
GH_API gh_workspace *gh_create(void);
GH_API void gh_destroy(gh_workspace *workspace);

/* Bytes that the workspace holds on to. */
GH_API int64_t gh_bytes(const gh_workspace *workspace);

/* Opaque triangles, seen by the camera of a gh_scene. */
typedef struct {
    int64_t num_triangles;
    const float *triangles; /* [T, 3, 3] world; those that are not finite are left out */
    double viewmat[12];
    double fx, fy, cx, cy;
    double near_plane, far_plane;
    int32_t width, height;
    int32_t is_orthographic;
    float *depths;       /* in and out [H, W]: only what is nearer is drawn; begin with infinities */
    int32_t *indices;    /* out [H, W] the triangle seen; not written where there is none */
    float *barycentrics; /* out [H, W, 2] weights of its second and third corner */
} gh_mesh;

/* Draws the rows [first_row, end_row); threads may draw different rows of one picture at once. */
GH_API int32_t gh_draw_mesh(const gh_mesh *mesh, int32_t first_row, int32_t end_row);

/* The backward pass: from the loss's gradients of the images to those of the Gaussians. It is made like a
 * picture, with gh_begin_backward in the place of gh_begin, from the scene of the forward pass with the
 * images as that drew them. What depends on pixels appearing or vanishing has no gradient: alpha's bounds,
 * the order of depths, the end of a pixel that is nearly opaque. */
typedef struct {
    const float *of_colors, *of_alphas, *of_depths; /* in [H, W, 3], [H, W], [H, W]; NULL where all zero */
    float *means, *quats, *scales, *opacities, *rgb; /* out, shaped as in gh_scene */
    float *means2d;                                  /* out [N, 2] of the projected mean, px */
    int32_t *num_pixels;                             /* out [N] pixels that the Gaussian was added to */
} gh_gradients;

GH_API int32_t gh_begin(gh_workspace *workspace, const gh_scene *scene);
GH_API int32_t gh_begin_backward(gh_workspace *workspace, const gh_scene *scene, const gh_gradients *gradients);
GH_API int32_t gh_work(gh_workspace *workspace);

#endif
