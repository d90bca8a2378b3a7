/*
 * assignment: gives N tasks to N workers at the least cost (the Hungarian method).
 *
 * Rows and columns are reduced, zeros are matched greedily, and each worker left over gets a
 * shortest augmenting path over the reduced costs. Scans of rows and columns of a matrix,
 * compares and minima. The duals prove that the answer is optimal.
 */
#include "bench/guest/kernel.h"

#define NAME "assignment"

enum {
    N = 101,
    COST_MAX = 1000000,
    NONE = -1,
    PROBLEMS = 12,
};

static int64_t cost[N][N];
static int64_t row_dual[N], column_dual[N];
static int column_of[N], row_of[N]; /* the matching; NONE while unmatched */

static int64_t reduced(int row, int column)
{
    return cost[row][column] - row_dual[row] - column_dual[column];
}

static void fill(struct kernel_random *random)
{
    for (int row = 0; row < N; row++) {
        for (int column = 0; column < N; column++)
            cost[row][column] = random_below(random, COST_MAX);
    }
}

static void reduce_rows_and_columns(void)
{
    memset(row_dual, 0, sizeof row_dual);
    memset(column_dual, 0, sizeof column_dual);
    for (int row = 0; row < N; row++) {
        int64_t least = cost[row][0];
        for (int column = 1; column < N; column++)
            least = cost[row][column] < least ? cost[row][column] : least;
        row_dual[row] = least;
    }
    for (int column = 0; column < N; column++) {
        int64_t least = reduced(0, column);
        for (int row = 1; row < N; row++)
            least = reduced(row, column) < least ? reduced(row, column) : least;
        column_dual[column] = least;
    }
}

static void match_zeros(void)
{
    for (int i = 0; i < N; i++)
        column_of[i] = row_of[i] = NONE;
    for (int row = 0; row < N; row++) {
        for (int column = 0; column < N && column_of[row] == NONE; column++) {
            if (row_of[column] == NONE && reduced(row, column) == 0) {
                column_of[row] = column;
                row_of[column] = row;
            }
        }
    }
}

/* The state of one search: how cheaply each column is reached, and from which row. */
struct search {
    int64_t distance[N];
    int from[N];
    uint8_t is_done[N];
};

static void relax(struct search *search, int row, int64_t base)
{
    for (int column = 0; column < N; column++) {
        int64_t distance = base + reduced(row, column);
        if (!search->is_done[column] && distance < search->distance[column]) {
            search->distance[column] = distance;
            search->from[column] = row;
        }
    }
}

static int nearest_column(const struct search *search)
{
    int nearest = NONE;
    for (int column = 0; column < N; column++) {
        if (!search->is_done[column] &&
            (nearest == NONE || search->distance[column] < search->distance[nearest]))
            nearest = column;
    }
    return nearest;
}

/* Keeps every reduced cost at 0 or more and makes the path's edges 0. */
static void update_duals(const struct search *search, int start, int64_t length)
{
    row_dual[start] += length;
    for (int column = 0; column < N; column++) {
        if (search->is_done[column]) {
            int64_t slack = length - search->distance[column];
            column_dual[column] -= slack;
            row_dual[row_of[column]] += slack;
        }
    }
}

static void augment(int start)
{
    struct search search;
    for (int column = 0; column < N; column++) {
        search.distance[column] = INT64_MAX;
        search.from[column] = NONE;
        search.is_done[column] = 0;
    }
    relax(&search, start, 0);
    int column = nearest_column(&search);
    while (row_of[column] != NONE) {
        search.is_done[column] = 1;
        relax(&search, row_of[column], search.distance[column]);
        column = nearest_column(&search);
    }
    update_duals(&search, start, search.distance[column]);
    for (int row = NONE; row != start;) {
        row = search.from[column];
        int next = column_of[row];
        row_of[column] = row;
        column_of[row] = column;
        column = next;
    }
}

static uint64_t check(uint64_t checksum)
{
    int64_t total = 0, bound = 0;
    for (int row = 0; row < N; row++) {
        for (int column = 0; column < N; column++) {
            if (reduced(row, column) < 0)
                kernel_fail(NAME, "a reduced cost is negative");
        }
        total += cost[row][column_of[row]];
        bound += row_dual[row] + column_dual[row];
        checksum = checksum_add(checksum, (uint64_t)column_of[row]);
    }
    if (total != bound)
        kernel_fail(NAME, "the assignment is not optimal");
    return checksum_add(checksum, (uint64_t)total);
}

static uint64_t solve(struct kernel_random *random, uint64_t checksum)
{
    fill(random);
    reduce_rows_and_columns();
    match_zeros();
    for (int row = 0; row < N; row++) {
        if (column_of[row] == NONE)
            augment(row);
    }
    return check(checksum);
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {101};
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++) {
        for (int problem = 0; problem < PROBLEMS; problem++)
            checksum = solve(&random, checksum);
    }
    return kernel_finish(NAME, checksum);
}
