/* What the stages share. A picture passes through them in this order:
 *
 *   project.c   every Gaussian -> a splat on the image, its depth key, its box of tiles
 *   sort.c      keys -> order, front to back (radix sort)
 *   bin.c       order + boxes -> for every tile the list of its splats, front to back
 *   blend.c     every tile -> pixels
 *
 * The backward pass goes the same way again, and then back:
 *
 *   backward_blend.c    every tile -> for each splat of its list a record of gradients
 *   backward_project.c  a Gaussian's records -> its sums -> its gradients
 *
 * Each stage is a set of items that any thread may take; rasterizer.c hands them out. An item writes
 * only what belongs to it, so that the result does not depend on who did what. */
#ifndef GH_INTERNAL_H
#define GH_INTERNAL_H

#include <stdatomic.h>
#include <stddef.h>

#include "rasterizer.h"

enum {
    CACHE_LINE = 64,     /* bytes */
    TILE = 16,           /* px, side of a tile */
    CHUNK = 4096,        /* Gaussians, or sorted splats, per item */
    TILES_PER_ITEM = 8,  /* neighbours share cache lines of the picture: one thread writes them */
    MAX_DIGIT_BITS = 12, /* of one sorting pass */
    MAX_PASSES = 3,
    MAX_SIDE_PX = 16384,
};

#define MIN_ALPHA (1.0f / 255.0f)
#define MAX_ALPHA 0.999f
#define MIN_TRANSMITTANCE 1e-4f

/* A projected Gaussian; one cache line.
 *
 * The exponent is kept as a sum of squares, from the Cholesky factor of the inverse 2D covariance:
 *     sigma / 8 = (l00 dx + l10 dy)^2 + (l11 dy)^2
 * It is never negative, and long thin splats lose no digits, as they do in A dx^2 + 2 B dx dy + C dy^2. */
typedef struct {
    _Alignas(CACHE_LINE) float whole_x; /* centre in px: a whole number and what is left, so that no digits */
    float whole_y, x, y;                /* are lost far from the image's corner */
    float l00, l10, l11, per_l00;
    float reach; /* sigma / 8 at which alpha falls to 1/255 */
    float opacity;
    float rgb[3];
    float depth;
} gh_splat;

/* Tiles that a splat's box touches; ends excluded. */
typedef struct {
    uint16_t x0, x1, y0, y1;
} gh_tile_box;

/* Gradients of a splat, summed over pixels of a tile or of the image; one cache line. h is alpha dL/dalpha, and
 * (u, v) the pixel seen from the splat's centre in units in which the splat is round:
 *     u = l00 dx + l10 dy,  v = l11 dy,  sigma / 8 = u^2 + v^2. */
typedef struct {
    _Alignas(CACHE_LINE) float h;
    float hu, hv, huu, huv, hvv;
    float rgb[3], depth;
    float num_pixels; /* that the splat was added to */
    float unused[5];
} gh_record;

_Static_assert(sizeof(gh_splat) == CACHE_LINE && sizeof(gh_record) == CACHE_LINE, "one cache line each");

/* A depth key (the bits of the float: positive floats sort like integers) and its Gaussian. */
typedef struct {
    uint32_t depth, index;
} gh_key;

/* What a chunk of Gaussians found. */
typedef struct {
    int64_t num_visible; /* keys at the chunk's own place in `keys` */
    uint32_t min_depth, max_depth;
} gh_chunk;

typedef struct {
    void *memory; /* as malloc gave it */
    void *data;   /* aligned to a cache line */
    size_t bytes;
} gh_buffer;

typedef struct {
    _Atomic int64_t next, done; /* items handed out, items finished */
    atomic_int closed;          /* all finished, and what follows is planned */
} gh_stage;

enum {
    FIXED_STAGES = 1 + 2 * MAX_PASSES + 2, /* project, count and move digits, count tiles, end of backward */
    STAGES_PER_BAND = 3, /* fill the lists, blend, add up records */
};

/* The workspace's buffers, each behind one of its pointers. */
enum {
    CHUNKS, SPLATS, TILE_BOXES, KEYS_0, KEYS_1, DIGIT_STARTS, DIGIT_ENDS,
    TILE_STARTS, TILE_TOTALS, TILE_ENDS, BANDS, LISTS, BAND_STAGES,
    RECORDS, RECORD_ENDS, SUMS,
    NUM_BUFFERS,
};

struct gh_workspace {
    gh_scene scene;
    gh_gradients gradients;
    int32_t status; /* set by plans only */
    gh_stage stages[FIXED_STAGES];
    gh_stage *band_stages; /* [bands, STAGES_PER_BAND] */

    /* project */
    int64_t num_chunks;
    gh_chunk *chunks;        /* [chunks] */
    gh_splat *splats;        /* [N] by Gaussian; culled ones are not written */
    gh_tile_box *tile_boxes; /* [N] by Gaussian */

    /* sort */
    gh_key *keys[2]; /* [N] each; a pass moves them from one to the other */
    int64_t num_visible;
    uint32_t min_depth;
    int32_t digit_bits, num_passes;
    uint32_t *digit_starts; /* [chunks, 2^digit_bits] */
    uint32_t *digit_ends;   /* [2^digit_bits] */

    /* bin */
    int32_t tiles_x, tiles_y;
    int64_t num_blocks;     /* slices of the sorted splats, each binned on its own */
    uint32_t *tile_starts; /* [blocks, tiles] */
    uint32_t *tile_totals; /* [tiles] length of a tile's list */
    uint32_t *tile_ends;   /* [tiles] its end within the band's lists */
    int64_t num_bands;
    int64_t *bands;  /* [bands + 1] first tile of each band */
    uint32_t *lists; /* Gaussians of a band's tiles, tile after tile */

    /* backward; `sums` is NULL in the forward pass */
    gh_record *records;    /* one per entry of the band's lists */
    uint32_t *record_ends; /* [tiles] where the records of a tile end: its last splats may be hidden */
    gh_record *sums;       /* [N] by Gaussian */

    gh_buffer buffers[NUM_BUFFERS];
};

/* One item of each stage. */
void gh_project_chunk(gh_workspace *w, int64_t chunk, int64_t unused);
void gh_count_digits(gh_workspace *w, int64_t chunk, int64_t pass);
void gh_move_keys(gh_workspace *w, int64_t chunk, int64_t pass);
void gh_count_tiles(gh_workspace *w, int64_t block, int64_t unused);
void gh_fill_lists(gh_workspace *w, int64_t block, int64_t band);
void gh_blend_tiles(gh_workspace *w, int64_t item, int64_t band);
void gh_differentiate_tiles(gh_workspace *w, int64_t item, int64_t band);
void gh_add_records(gh_workspace *w, int64_t block, int64_t band);
void gh_differentiate_chunk(gh_workspace *w, int64_t chunk, int64_t unused);

/* What one thread does between two stages. */
void gh_plan_sort(gh_workspace *w);
void gh_place_digits(gh_workspace *w);
void gh_plan_bands(gh_workspace *w);

static inline void gh_open_stage(gh_stage *stage) {
    atomic_init(&stage->next, 0);
    atomic_init(&stage->done, 0);
    atomic_init(&stage->closed, 0);
}

/* The sorted keys. */
static inline const gh_key *gh_order(const gh_workspace *w) { return w->keys[w->num_passes & 1]; }

/* A buffer of at least `count * size` bytes, or NULL; its old content is lost. */
void *gh_reserve(gh_buffer *buffer, int64_t count, size_t size);

/* Second step of a counting sort: counts[row][column] -> where that row puts its first item of that
 * column. `ends[column]` enters as the column's first place and leaves as its end. */
static inline void gh_counts_to_starts(uint32_t *counts, int64_t rows, int64_t columns, uint32_t *ends) {
    for (int64_t row = 0; row < rows; row++) {
        uint32_t *own = counts + row * columns;
        for (int64_t column = 0; column < columns; column++) {
            uint32_t count = own[column];
            own[column] = ends[column];
            ends[column] += count;
        }
    }
}

/* Sum of each column of counts[row][column]. */
static inline void gh_column_totals(const uint32_t *counts, int64_t rows, int64_t columns, uint32_t *totals) {
    for (int64_t column = 0; column < columns; column++) totals[column] = 0;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < columns; column++) totals[column] += counts[row * columns + column];
}

static inline int64_t gh_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t gh_max(int64_t a, int64_t b) { return a > b ? a : b; }

#endif
