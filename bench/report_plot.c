/* Geometric means as a picture, drawn by gnuplot: see report.h.
 *
 * The script, with the figures in it, goes to gnuplot's standard input; labels are the only texts
 * of others in it, and are stripped of what has a meaning inside quotes. */
#include "bench/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "bench/summary.h"

/*
 * ending    of the file's name
 * terminal  of gnuplot
 * width     of its units in a picture of 900 points
 * line      of its units in 15 points of height
 * unit      after a number
 * words     after the size
 */
static const struct format_row {
    const char *ending, *terminal;
    double width, line;
    const char *unit, *words;
} formats[] = {
    {".svg", "svg", 900, 15, "", " dynamic background 'white'"},
    {".png", "pngcairo", 900, 15, "", ""},
    {".pdf", "pdfcairo", 9, 0.15, "in", ""},
    {".txt", "dumb", 120, 1, "", ""},
};

static const struct format_row *find_format(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof formats / sizeof formats[0]; i++)
        if (text_equal(dot, formats[i].ending))
            return &formats[i];
    return NULL;
}

void report_check_plot_name(const char *path)
{
    if (find_format(path) == NULL)
        bench_fail("--plot: the name '%s' ends neither in .svg nor .png, .pdf or .txt", path);
    if (strpbrk(path, "'\n") != NULL)
        bench_fail("--plot: a quote or line end in the name '%s'", path);
}

static void write_quoted(FILE *script, const char *text)
{
    fputc('"', script);
    for (; *text != '\0'; text++)
        fputc(strchr("\"\\`\n", *text) != NULL ? ' ' : *text, script);
    fputc('"', script);
}

static bool has_bases(const struct experiment *experiment)
{
    for (size_t i = 0; i < experiment->variant_count; i++)
        if (experiment->variants[i].base != NO_BASE)
            return true;
    return false;
}

static double figure(const struct experiment *experiment, size_t variant, int group, bool is_worth)
{
    return is_worth ? summary_worth(experiment, variant, group)
                    : summary_geomean(experiment, variant, group).vs_native;
}

/* One line per variant: label, all, then the groups. Gives the number of lines. */
static unsigned write_figures(FILE *script, const struct experiment *experiment, bool is_worth)
{
    unsigned lines = 0;
    fprintf(script, "$figures << END_OF_FIGURES\n");
    for (size_t variant = 0; variant < experiment->variant_count; variant++) {
        if (is_worth && experiment->variants[variant].base == NO_BASE)
            continue;
        write_quoted(script, experiment->variants[variant].label);
        fprintf(script, " %.4g", figure(experiment, variant, SUMMARY_ALL, is_worth));
        for (int group = 0; group < GROUP_other; group++)
            fprintf(script, " %.4g", figure(experiment, variant, group, is_worth));
        fprintf(script, "\n");
        lines++;
    }
    fprintf(script, "END_OF_FIGURES\n");
    return lines;
}

static bool has_group(const struct experiment *experiment, int group)
{
    for (size_t i = 0; i < experiment->workload_count; i++)
        if ((int)experiment->workloads[i].group == group)
            return true;
    return false;
}

static void write_terminal(FILE *script, const char *path, unsigned lines)
{
    const struct format_row *format = find_format(path);
    fprintf(script, "set terminal %s size %g%s,%g%s%s\nset output '%s'\n", format->terminal,
            format->width, format->unit, format->line * lines, format->unit, format->words, path);
    fprintf(script, "set datafile missing 'nan'\n");
}

/* Bars, a cluster for each variant. */
static void write_times(FILE *script, const struct experiment *experiment, const char *path)
{
    write_terminal(script, path, 40);
    fprintf(script, "set style data histograms\nset style fill solid 0.8\nset grid y\n"
                    "set yrange [0:*]\nset xtics rotate by -45 noenhanced\n"
                    "set title '%s, geometric means'\nset ylabel 'time over native time'\n",
            experiment->title);
    write_figures(script, experiment, false);
    fprintf(script, "plot $figures using 2:xtic(1) title 'all'");
    for (int group = 0; group < GROUP_other; group++)
        if (has_group(experiment, group))
            fprintf(script, ", '' using %d title '%s'", group + 3,
                    workload_group_name((enum workload_group)group));
    fprintf(script, ", 1 with lines lc rgb 'black' notitle\n");
}

/* The range that has all worths, 1 and something around it: gnuplot's own need not have 1, where the line is
 * that all is measured by, and which it would draw across the labels then. */
static void write_worth_range(FILE *script, const struct experiment *experiment)
{
    double low = 0.7, high = 1.5;
    for (size_t variant = 0; variant < experiment->variant_count; variant++) {
        if (experiment->variants[variant].base == NO_BASE)
            continue;
        for (int group = 0; group <= SUMMARY_ALL; group++) {
            double worth = summary_worth(experiment, variant, group); /* or NaN */
            if (worth > 0 && worth / 1.1 < low)
                low = worth / 1.1;
            if (worth * 1.1 > high)
                high = worth * 1.1;
        }
    }
    fprintf(script, "set xrange [%g:%g]\n", low, high);
}

/* A line for each variant, with a point for each group on a logarithmic scale. */
static void write_worths(FILE *script, const struct experiment *experiment, const char *path)
{
    unsigned lines = write_figures(script, experiment, true);
    write_terminal(script, path, lines + 10);
    fprintf(script, "set logscale x\nset grid x y\nset ytics noenhanced\n"
                    "set xtics (0.5, 0.7, 1, 1.4, 2, 3, 5, 10, 20, 50)\n"
                    "set yrange [%g:-0.5]\nset key outside top center horizontal\n"
                    "set title '%s, geometric means'\n"
                    "set xlabel 'time over time of the mode itself'\n"
                    "set arrow from first 1, graph 0 to first 1, graph 1 nohead\n",
            lines - 0.5, experiment->title);
    write_worth_range(script, experiment);
    fprintf(script, "plot $figures using 2:0:ytic(1) with points pt 7 lc rgb 'black' title 'all'");
    for (int group = 0; group < GROUP_other; group++)
        if (has_group(experiment, group))
            fprintf(script, ", '' using %d:0 with points pt %d title '%s'", group + 3, group + 4,
                    workload_group_name((enum workload_group)group));
    fprintf(script, "\n");
}

bool report_can_plot(void)
{
    return system("gnuplot --version >/dev/null 2>&1") == 0;
}

void report_plot(const char *path, const struct experiment *experiment)
{
    fflush(stdout);
    FILE *script = popen("gnuplot", "w");
    if (script == NULL)
        bench_fail("cannot start gnuplot");
    if (has_bases(experiment))
        write_worths(script, experiment, path);
    else
        write_times(script, experiment, path);
    int status = pclose(script);
    if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_fail("gnuplot did not draw %s (is gnuplot-nox installed?)", path);
}
