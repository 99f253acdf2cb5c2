/* Draws random scenes, many of them absurd, and their gradients and meshes, and checks what must hold for all
 * of them: every pixel and every gradient is written, values from finite input are finite and in range, and
 * all are the same for one thread and for three. Built with sanitizers by native/sanitize.sh: fuzz SCENES SEED */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rasterizer.h"

static uint64_t state;

static uint32_t random32(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static double uniform(double low, double high) { return low + (high - low) * random32() / 2147483648.0; }

static const float ODD[] = {0, -0.0f, 1, -1, 1e-38f, 1e-45f, 3e38f, -3e38f, 1e20f, 0.01f, 1.0f / 255};
static const float BROKEN[] = {NAN, INFINITY, -INFINITY};

/* A value near `typical`, or now and then one that no good avatar holds. */
static float value(double typical, double spread, int oddness) {
    uint32_t dice = random32() % 1000;
    if (oddness > 1 && dice < 20) return BROKEN[random32() % 3];
    if (oddness > 0 && dice < 100) return ODD[random32() % (sizeof ODD / sizeof *ODD)];
    return (float)(typical + spread * uniform(-1, 1));
}

static float *values(int64_t count, double typical, double spread, int oddness) {
    /* Exactly as large as it is said to be: the address sanitizer then sees every step outside. */
    float *data = malloc((size_t)count * sizeof *data);
    for (int64_t i = 0; i < count; i++) data[i] = value(typical, spread, oddness);
    return data;
}

static void *help(void *workspace) {
    gh_work(workspace);
    return NULL;
}

static void fail(const char *what, int scene) {
    fprintf(stderr, "scene %d: %s\n", scene, what);
    exit(1);
}

static void work(gh_workspace *workspace, int helpers, int number) {
    pthread_t threads[2];
    for (int k = 0; k < helpers; k++) pthread_create(&threads[k], NULL, help, workspace);
    if (gh_work(workspace) != GH_OK) fail("gh_work failed", number);
    for (int k = 0; k < helpers; k++) pthread_join(threads[k], NULL);
}

static void draw(gh_workspace *workspace, gh_scene *scene, int helpers, int number) {
    size_t pixels = (size_t)scene->width * scene->height;
    memset(scene->colors, 0xff, 3 * pixels * sizeof(float));
    memset(scene->alphas, 0xff, pixels * sizeof(float));
    memset(scene->depths, 0xff, pixels * sizeof(float));
    if (gh_begin(workspace, scene) != GH_OK) fail("gh_begin refused it", number);
    work(workspace, helpers, number);
}

static void check_values(const gh_scene *scene, int number) {
    for (int64_t k = 0; k < (int64_t)scene->width * scene->height; k++) {
        if (!(scene->alphas[k] >= 0 && scene->alphas[k] <= 1)) fail("alpha outside [0, 1]", number);
        if (!isfinite(scene->depths[k]) || scene->depths[k] < 0) fail("depth not finite", number);
    }
}

static void random_camera(gh_scene *scene) {
    double turn = uniform(-3.2, 3.2), c = cos(turn), s = sin(turn);
    double rows[12] = {c, 0, -s, uniform(-.2, .2), 0, 1, 0, uniform(-.2, .2), s, 0, c, uniform(-.2, 1)};
    memcpy(scene->viewmat, rows, sizeof rows);
    scene->width = 1 + random32() % (random32() % 4 ? 90 : 900);
    scene->height = 1 + random32() % (random32() % 4 ? 90 : 900);
    scene->fx = exp(uniform(0, 8)), scene->fy = exp(uniform(0, 8));
    scene->cx = uniform(-1, 2) * scene->width, scene->cy = uniform(-1, 2) * scene->height;
    scene->is_orthographic = random32() % 4 == 0;
}

/* Surfaces before and behind the Gaussians, or none. */
static float *random_limits(const gh_scene *scene) {
    if (random32() % 2) return NULL;
    int64_t pixels = (int64_t)scene->width * scene->height;
    float *limits = malloc((size_t)pixels * sizeof *limits);
    for (int64_t k = 0; k < pixels; k++) {
        uint32_t dice = random32() % 8;
        limits[k] = dice == 0 ? INFINITY : dice == 1 ? -INFINITY : (float)uniform(-.1, 1.5);
    }
    return limits;
}

enum { TENSORS = 7 };
static const size_t COLUMNS[TENSORS] = {3, 4, 3, 1, 3, 2, 1};

/* Gradients of the scene's images, in one array after the other. */
static float *differentiate(gh_workspace *workspace, const gh_scene *scene, gh_gradients *g, int helpers, int number) {
    size_t columns = 0, n = (size_t)scene->num_gaussians;
    for (int k = 0; k < TENSORS; k++) columns += COLUMNS[k];
    float *all = malloc(columns * n * sizeof *all), *next = all;
    memset(all, 0xff, columns * n * sizeof *all);
    float **outputs[TENSORS] = {&g->means, &g->quats,   &g->scales, &g->opacities,
                                &g->rgb,   &g->means2d, (float **)(void *)&g->num_pixels};
    for (int k = 0; k < TENSORS; next += COLUMNS[k++] * n) memcpy(outputs[k], &next, sizeof next);
    if (gh_begin_backward(workspace, scene, g) != GH_OK) fail("gh_begin_backward refused it", number);
    work(workspace, helpers, number);
    return all;
}

static void check_gradients(gh_workspace *workspace, const gh_scene *scene, int oddness, int number) {
    int64_t pixels = (int64_t)scene->width * scene->height;
    float *images[3] = {values(3 * pixels, 0, 1, oddness), values(pixels, 0, 1, oddness), values(pixels, 0, 1, oddness)};
    uint32_t missing = random32() % 4;
    gh_gradients g = {.of_colors = missing == 1 ? NULL : images[0], .of_alphas = missing == 2 ? NULL : images[1],
                      .of_depths = missing == 3 ? NULL : images[2]};
    float *one = differentiate(workspace, scene, &g, 0, number);
    float *three = differentiate(workspace, scene, &g, 2, number);
    size_t n = (size_t)scene->num_gaussians;
    if (memcmp(one, three, 17 * n * sizeof *one)) fail("threads change the gradients", number);
    for (size_t i = 0; i < n; i++)
        if (g.num_pixels[i] < 0 || g.num_pixels[i] > pixels) fail("impossible number of pixels", number);
    for (size_t i = 0; i < 16 * n && oddness == 0; i++)
        if (!isfinite(one[i])) fail("gradient not finite", number);
    for (int k = 0; k < 3; k++) free(images[k]);
    free(one), free(three);
}

static void check_mesh(const gh_scene *scene, int oddness, int number) {
    size_t pixels = (size_t)scene->width * scene->height;
    gh_mesh mesh = {.num_triangles = random32() % 60, .fx = scene->fx, .fy = scene->fy, .cx = scene->cx,
                    .cy = scene->cy, .near_plane = .01, .far_plane = 1e10, .width = scene->width,
                    .height = scene->height, .is_orthographic = scene->is_orthographic};
    memcpy(mesh.viewmat, scene->viewmat, sizeof mesh.viewmat);
    float *triangles = values(9 * mesh.num_triangles, 0, .5, oddness);
    mesh.triangles = triangles;
    float *depths[2], *weights[2];
    int32_t *indices[2];
    for (int k = 0; k < 2; k++) {
        mesh.depths = depths[k] = malloc(pixels * sizeof(float));
        mesh.indices = indices[k] = malloc(pixels * sizeof(int32_t));
        mesh.barycentrics = weights[k] = calloc(2 * pixels, sizeof(float));
        for (size_t i = 0; i < pixels; i++) depths[k][i] = INFINITY, indices[k][i] = -1;
        int32_t cut = k ? (int32_t)(random32() % (uint32_t)(mesh.height + 1)) : mesh.height;
        if (gh_draw_mesh(&mesh, 0, cut) != GH_OK || gh_draw_mesh(&mesh, cut, mesh.height) != GH_OK)
            fail("gh_draw_mesh refused it", number);
    }
    if (memcmp(depths[0], depths[1], pixels * sizeof(float)) || memcmp(indices[0], indices[1], pixels * sizeof(int32_t)))
        fail("the cut changes the mesh", number);
    for (size_t i = 0; i < pixels; i++) {
        if (indices[0][i] < -1 || indices[0][i] >= mesh.num_triangles) fail("no such triangle", number);
        if (!(depths[0][i] > 0)) fail("surface before the near plane", number);
        if ((indices[0][i] < 0) != isinf(depths[0][i])) fail("depth and triangle disagree", number);
    }
    for (int k = 0; k < 2; k++) free(depths[k]), free(indices[k]), free(weights[k]);
    free(triangles);
}

static void check_scene(gh_workspace *workspace, int number) {
    int oddness = number % 3;
    int64_t n = random32() % (random32() % 8 ? 300 : 12000);
    double size = exp(uniform(-9, random32() % 8 ? -3 : 3));
    gh_scene scene = {.num_gaussians = n};
    random_camera(&scene);
    size_t pixels = (size_t)scene.width * scene.height;
    float *inputs[5] = {values(3 * n, 0, .3, oddness), values(4 * n, 0, 1, oddness),
                        values(3 * n, size, size, oddness), values(n, .5, .5, oddness),
                        values(3 * n, .5, .5, 0)};
    float *images[2][3], *limits = random_limits(&scene);
    scene.depth_limits = limits;
    scene.means = inputs[0], scene.quats = inputs[1], scene.scales = inputs[2];
    scene.opacities = inputs[3], scene.rgb = inputs[4];
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 3; i++) images[k][i] = malloc((i == 0 ? 3 : 1) * pixels * sizeof(float));
        scene.colors = images[k][0], scene.alphas = images[k][1], scene.depths = images[k][2];
        draw(workspace, &scene, 2 * k, number);
        check_values(&scene, number);
    }
    check_gradients(workspace, &scene, oddness, number);
    check_mesh(&scene, oddness, number);
    for (int i = 0; i < 3; i++) {
        size_t bytes = (i == 0 ? 3 : 1) * pixels * sizeof(float);
        if (memcmp(images[0][i], images[1][i], bytes)) fail("threads change the pixels", number);
        free(images[0][i]), free(images[1][i]);
    }
    for (int i = 0; i < 5; i++) free(inputs[i]);
    free(limits);
}

static void check_refusals(gh_workspace *workspace) {
    const int32_t sizes[][2] = {{0, 5}, {5, 0}, {-1, 5}, {5, 16385}, {INT32_MAX, INT32_MAX}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        gh_scene scene = {.width = sizes[k][0], .height = sizes[k][1]};
        gh_mesh mesh = {.width = sizes[k][0], .height = sizes[k][1]};
        gh_gradients gradients = {0};
        if (gh_begin(workspace, &scene) != GH_BAD_SIZE) fail("a bad size was accepted", (int)k);
        if (gh_begin_backward(workspace, &scene, &gradients) != GH_BAD_SIZE) fail("a bad size was accepted", (int)k);
        if (gh_draw_mesh(&mesh, 0, 6) != GH_BAD_SIZE) fail("a bad size was accepted", (int)k);
    }
    const int64_t counts[] = {-1, INT64_MIN, INT64_MAX, (int64_t)1 << 31};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        gh_scene scene = {.width = 5, .height = 5, .num_gaussians = counts[k]};
        if (gh_begin(workspace, &scene) != GH_BAD_SIZE) fail("a bad count was accepted", (int)k);
    }
}

int main(int argc, char **argv) {
    int scenes = argc > 1 ? atoi(argv[1]) : 200;
    state = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
    gh_workspace *workspace = gh_create();
    check_refusals(workspace);
    for (int number = 0; number < scenes; number++) check_scene(workspace, number);
    gh_destroy(workspace);
    gh_destroy(NULL);
    printf("%d scenes drawn\n", scenes);
    return 0;
}
