/* Stable radix sort of the depth keys, least significant digit first.
 *
 * Only the bits in which the nearest and the farthest key differ are sorted by: a head is about one
 * octave deep, which is two passes of 12 bits; the worst case is three of 11. */
#include <string.h>

#include "internal.h"

typedef struct {
    const gh_key *first, *end;
} key_range;

/* The keys of a chunk before `pass`; the first pass also closes the gaps that culling left. */
static key_range keys_of(const gh_workspace *w, int64_t chunk, int64_t pass) {
    const gh_key *keys = w->keys[pass & 1] + chunk * CHUNK;
    int64_t count = pass == 0 ? w->chunks[chunk].num_visible
                              : gh_max(0, gh_min(CHUNK, w->num_visible - chunk * CHUNK));
    return (key_range){keys, keys + count};
}

static uint32_t digit_of(const gh_workspace *w, uint32_t depth, int64_t pass) {
    uint32_t mask = (1u << w->digit_bits) - 1;
    return (depth - w->min_depth) >> (pass * w->digit_bits) & mask;
}

void gh_plan_sort(gh_workspace *w) {
    uint32_t min_depth = UINT32_MAX, max_depth = 0;
    w->num_visible = 0;
    for (int64_t chunk = 0; chunk < w->num_chunks; chunk++) {
        w->num_visible += w->chunks[chunk].num_visible;
        if (w->chunks[chunk].min_depth < min_depth) min_depth = w->chunks[chunk].min_depth;
        if (w->chunks[chunk].max_depth > max_depth) max_depth = w->chunks[chunk].max_depth;
    }
    int32_t bits = max_depth > min_depth ? 32 - __builtin_clz(max_depth - min_depth) : 1;
    w->min_depth = min_depth;
    w->num_passes = (bits + MAX_DIGIT_BITS - 1) / MAX_DIGIT_BITS;
    w->digit_bits = (bits + w->num_passes - 1) / w->num_passes;
}

void gh_count_digits(gh_workspace *w, int64_t chunk, int64_t pass) {
    uint32_t *counts = w->digit_starts + (chunk << w->digit_bits);
    memset(counts, 0, sizeof(uint32_t) << w->digit_bits);
    key_range keys = keys_of(w, chunk, pass);
    for (const gh_key *key = keys.first; key < keys.end; key++) counts[digit_of(w, key->depth, pass)]++;
}

void gh_place_digits(gh_workspace *w) {
    int64_t num_digits = (int64_t)1 << w->digit_bits;
    uint32_t *ends = w->digit_ends, place = 0;
    gh_column_totals(w->digit_starts, w->num_chunks, num_digits, ends);
    for (int64_t digit = 0; digit < num_digits; digit++) {
        uint32_t total = ends[digit];
        ends[digit] = place;
        place += total;
    }
    gh_counts_to_starts(w->digit_starts, w->num_chunks, num_digits, ends);
}

void gh_move_keys(gh_workspace *w, int64_t chunk, int64_t pass) {
    uint32_t *places = w->digit_starts + (chunk << w->digit_bits);
    gh_key *target = w->keys[(pass + 1) & 1];
    key_range keys = keys_of(w, chunk, pass);
    for (const gh_key *key = keys.first; key < keys.end; key++)
        target[places[digit_of(w, key->depth, pass)]++] = *key;
}
