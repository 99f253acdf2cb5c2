/* Draws random scenes, many of them absurd, and checks what must hold for all of them:
 * every pixel is written, values from finite input are finite and in range, and the pixels are the same
 * for one thread and for three. Built with sanitizers by native/sanitize.sh: fuzz SCENES SEED */
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

static void draw(gh_workspace *workspace, gh_scene *scene, int helpers, int number) {
    size_t pixels = (size_t)scene->width * scene->height;
    memset(scene->colors, 0xff, 3 * pixels * sizeof(float));
    memset(scene->alphas, 0xff, pixels * sizeof(float));
    memset(scene->depths, 0xff, pixels * sizeof(float));
    if (gh_begin(workspace, scene) != GH_OK) fail("gh_begin refused it", number);
    pthread_t threads[2];
    for (int k = 0; k < helpers; k++) pthread_create(&threads[k], NULL, help, workspace);
    if (gh_work(workspace) != GH_OK) fail("gh_work failed", number);
    for (int k = 0; k < helpers; k++) pthread_join(threads[k], NULL);
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
    float *images[2][3];
    scene.means = inputs[0], scene.quats = inputs[1], scene.scales = inputs[2];
    scene.opacities = inputs[3], scene.rgb = inputs[4];
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 3; i++) images[k][i] = malloc((i == 0 ? 3 : 1) * pixels * sizeof(float));
        scene.colors = images[k][0], scene.alphas = images[k][1], scene.depths = images[k][2];
        draw(workspace, &scene, 2 * k, number);
        check_values(&scene, number);
    }
    for (int i = 0; i < 3; i++) {
        size_t bytes = (i == 0 ? 3 : 1) * pixels * sizeof(float);
        if (memcmp(images[0][i], images[1][i], bytes)) fail("threads change the pixels", number);
        free(images[0][i]), free(images[1][i]);
    }
    for (int i = 0; i < 5; i++) free(inputs[i]);
}

static void check_refusals(gh_workspace *workspace) {
    const int32_t sizes[][2] = {{0, 5}, {5, 0}, {-1, 5}, {5, 16385}, {INT32_MAX, INT32_MAX}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        gh_scene scene = {.width = sizes[k][0], .height = sizes[k][1]};
        if (gh_begin(workspace, &scene) != GH_BAD_SIZE) fail("a bad size was accepted", (int)k);
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
