/* Sorted splats -> the list of every tile, front to back: a counting sort by tile.
 *
 * The sorted splats are cut into blocks. Each block counts how many of its splats touch each tile; from
 * the counts follows where every block writes into every list, so that the blocks fill the lists at the
 * same time and in depth order. Lists are made for a band of tiles at a time, which bounds the memory
 * however large and many the splats are. */
#include <string.h>

#include "internal.h"

/* Entries of a band's lists; a single tile may need more, one per splat. Fuzzing makes it small. */
#ifndef MAX_BAND_ENTRIES
#define MAX_BAND_ENTRIES (1u << 25)
#endif
/* The backward pass keeps a record for each entry, a cache line. */
#define MAX_BAND_RECORDS (MAX_BAND_ENTRIES / 16)

static int64_t block_first(const gh_workspace *w, int64_t block) {
    return w->num_visible * block / w->num_blocks;
}

void gh_count_tiles(gh_workspace *w, int64_t block, int64_t unused) {
    (void)unused;
    int64_t num_tiles = (int64_t)w->tiles_x * w->tiles_y;
    uint32_t *counts = w->tile_starts + block * num_tiles;
    memset(counts, 0, (size_t)num_tiles * sizeof *counts);
    const gh_key *order = gh_order(w);
    int64_t end = block_first(w, block + 1);
    for (int64_t k = block_first(w, block); k < end; k++) {
        /* Boxes lie in the Gaussians' own order: ask for them early. */
        __builtin_prefetch(w->tile_boxes + order[gh_min(k + 16, end - 1)].index);
        gh_tile_box box = w->tile_boxes[order[k].index];
        for (int64_t y = box.y0; y < box.y1; y++)
            for (int64_t x = box.x0; x < box.x1; x++) counts[y * w->tiles_x + x]++;
    }
}

/* First tile of every band, and where each tile's list begins in its band; the longest band's length. */
static uint64_t cut_bands(gh_workspace *w, int64_t num_tiles) {
    uint64_t place = 0, longest = 0, most = w->sums ? MAX_BAND_RECORDS : MAX_BAND_ENTRIES;
    w->num_bands = 0;
    for (int64_t tile = 0; tile < num_tiles; tile++) {
        if (tile == 0 || place + w->tile_totals[tile] > most) {
            w->bands[w->num_bands++] = tile;
            place = 0;
        }
        w->tile_ends[tile] = (uint32_t)place;
        place += w->tile_totals[tile];
        if (place > longest) longest = place;
    }
    w->bands[w->num_bands] = num_tiles;
    return longest;
}

void gh_plan_bands(gh_workspace *w) {
    int64_t num_tiles = (int64_t)w->tiles_x * w->tiles_y;
    gh_column_totals(w->tile_starts, w->num_blocks, num_tiles, w->tile_totals);
    uint64_t longest = cut_bands(w, num_tiles);
    gh_counts_to_starts(w->tile_starts, w->num_blocks, num_tiles, w->tile_ends);
    w->lists = gh_reserve(&w->buffers[LISTS], (int64_t)longest, sizeof *w->lists);
    w->band_stages = gh_reserve(&w->buffers[BAND_STAGES], w->num_bands, STAGES_PER_BAND * sizeof(gh_stage));
    if (w->sums) w->records = gh_reserve(&w->buffers[RECORDS], (int64_t)longest, sizeof *w->records);
    if (!w->lists || !w->band_stages || (w->sums && !w->records)) {
        w->status = GH_OUT_OF_MEMORY;
        w->num_bands = 0;
        return;
    }
    for (int64_t k = 0; k < w->num_bands * STAGES_PER_BAND; k++) gh_open_stage(&w->band_stages[k]);
}

/* Tiles of a box in a band: rows [y0, y1), and in a row those from max(first of the row, band's first). */
typedef struct {
    int64_t y0, y1;
} row_range;

static row_range rows_of(const gh_workspace *w, gh_tile_box box, int64_t band) {
    return (row_range){gh_max(box.y0, w->bands[band] / w->tiles_x),
                       gh_min(box.y1, (w->bands[band + 1] - 1) / w->tiles_x + 1)};
}

void gh_fill_lists(gh_workspace *w, int64_t block, int64_t band) {
    int64_t num_tiles = (int64_t)w->tiles_x * w->tiles_y;
    int64_t band_first = w->bands[band], band_end = w->bands[band + 1];
    uint32_t *places = w->tile_starts + block * num_tiles;
    const gh_key *order = gh_order(w);
    int64_t block_end = block_first(w, block + 1);
    for (int64_t k = block_first(w, block); k < block_end; k++) {
        __builtin_prefetch(w->tile_boxes + order[gh_min(k + 16, block_end - 1)].index);
        gh_tile_box box = w->tile_boxes[order[k].index];
        row_range rows = rows_of(w, box, band);
        for (int64_t y = rows.y0; y < rows.y1; y++) {
            int64_t first = gh_max(y * w->tiles_x + box.x0, band_first);
            int64_t end = gh_min(y * w->tiles_x + box.x1, band_end);
            for (int64_t tile = first; tile < end; tile++) w->lists[places[tile]++] = order[k].index;
        }
    }
}

/* Records are added as the sixteen floats that they are. */
typedef float record_sum __attribute__((vector_size(CACHE_LINE), may_alias));

/* Adds the records of each splat of the block to its sums: the walk of gh_fill_lists, backwards. */
void gh_add_records(gh_workspace *w, int64_t block, int64_t band) {
    int64_t num_tiles = (int64_t)w->tiles_x * w->tiles_y;
    int64_t band_first = w->bands[band], band_end = w->bands[band + 1];
    uint32_t *places = w->tile_starts + block * num_tiles;
    const record_sum *records = (const record_sum *)w->records;
    const gh_key *order = gh_order(w);
    int64_t block_begin = block_first(w, block);
    for (int64_t k = block_first(w, block + 1) - 1; k >= block_begin; k--) {
        __builtin_prefetch(w->tile_boxes + order[gh_max(k - 16, block_begin)].index);
        __builtin_prefetch(w->sums + order[gh_max(k - 8, block_begin)].index, 1);
        gh_tile_box box = w->tile_boxes[order[k].index];
        row_range rows = rows_of(w, box, band);
        record_sum *sums = (record_sum *)&w->sums[order[k].index], sum = *sums;
        for (int64_t y = rows.y0; y < rows.y1; y++) {
            int64_t first = gh_max(y * w->tiles_x + box.x0, band_first);
            int64_t end = gh_min(y * w->tiles_x + box.x1, band_end);
            for (int64_t tile = first; tile < end; tile++) {
                uint32_t place = --places[tile];
                if (place < w->record_ends[tile]) sum += records[place];
            }
        }
        *sums = sum;
    }
}
