/*
 * lu: solves linear equations by LU decomposition with partial pivoting.
 *
 * Row operations on a matrix of doubles: long runs of multiply and subtract over consecutive
 * elements. Only + - * / occur, so the solution has the same bits on every machine.
 */
#include "bench/guest/kernel.h"

#define NAME "lu"

enum { N = 160, SYSTEMS = 5 };

static double original[N][N], matrix[N][N];
static double wanted[N], solution[N];

static void fill(struct kernel_random *random)
{
    for (int row = 0; row < N; row++) {
        for (int column = 0; column < N; column++)
            original[row][column] = random_centred(random);
        wanted[row] = random_centred(random);
    }
    memcpy(matrix, original, sizeof matrix);
    memcpy(solution, wanted, sizeof solution);
}

static double absolute(double value)
{
    return value < 0 ? -value : value;
}

static int find_pivot(int step)
{
    int pivot = step;
    for (int row = step + 1; row < N; row++) {
        if (absolute(matrix[row][step]) > absolute(matrix[pivot][step]))
            pivot = row;
    }
    return pivot;
}

static void swap_rows(int a, int b)
{
    for (int column = 0; column < N; column++) {
        double value = matrix[a][column];
        matrix[a][column] = matrix[b][column];
        matrix[b][column] = value;
    }
    double value = solution[a];
    solution[a] = solution[b];
    solution[b] = value;
}

/* row -= factor * pivot_row from column `first` on */
static void subtract_row(double *row, const double *pivot_row, double factor, int first)
{
    for (int column = first; column < N; column++)
        row[column] -= factor * pivot_row[column];
}

/* Leaves U on and above the diagonal and the factors of L below it. */
static void decompose(void)
{
    for (int step = 0; step < N; step++) {
        int pivot = find_pivot(step);
        if (pivot != step)
            swap_rows(pivot, step);
        if (matrix[step][step] == 0)
            kernel_fail(NAME, "the matrix is singular");
        for (int row = step + 1; row < N; row++) {
            double factor = matrix[row][step] / matrix[step][step];
            matrix[row][step] = factor;
            subtract_row(matrix[row], matrix[step], factor, step + 1);
        }
    }
}

static void substitute(void)
{
    for (int row = 1; row < N; row++) {
        for (int column = 0; column < row; column++)
            solution[row] -= matrix[row][column] * solution[column];
    }
    for (int row = N - 1; row >= 0; row--) {
        for (int column = row + 1; column < N; column++)
            solution[row] -= matrix[row][column] * solution[column];
        solution[row] /= matrix[row][row];
    }
}

static uint64_t check(uint64_t checksum)
{
    for (int row = 0; row < N; row++) {
        double rest = wanted[row];
        for (int column = 0; column < N; column++)
            rest -= original[row][column] * solution[column];
        if (!(absolute(rest) < 1e-6))
            kernel_fail(NAME, "the solution does not satisfy the equations");
        checksum = checksum_add_double(checksum, solution[row]);
    }
    return checksum;
}

static uint64_t solve(struct kernel_random *random, uint64_t checksum)
{
    fill(random);
    decompose();
    substitute();
    return check(checksum);
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {1948};
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++) {
        for (int system = 0; system < SYSTEMS; system++)
            checksum = solve(&random, checksum);
    }
    return kernel_finish(NAME, checksum);
}
