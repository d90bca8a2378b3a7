/* Geometric means as a picture, drawn by gnuplot: see report.h.
 *
 * The script, with the figures in it, goes to gnuplot's standard input; labels are the only texts
 * of others in it, and are stripped of what has a meaning inside quotes. */
#include "bench/report.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "bench/summary.h"

/* ending, gnuplot's terminal */
static const struct format_row {
    const char *ending, *terminal;
} formats[] = {
    {".svg", "svg size 900,600 dynamic background 'white'"},
    {".png", "pngcairo size 900,600"},
    {".pdf", "pdfcairo size 9in,6in"},
    {".txt", "dumb size 120,40"},
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

/* One line per variant: label, all, then the groups. */
static void write_figures(FILE *script, const struct experiment *experiment, bool is_worth)
{
    fprintf(script, "$figures << END_OF_FIGURES\n");
    for (size_t variant = 0; variant < experiment->variant_count; variant++) {
        if (is_worth && experiment->variants[variant].base == NO_BASE)
            continue;
        write_quoted(script, experiment->variants[variant].label);
        fprintf(script, " %.4g", figure(experiment, variant, SUMMARY_ALL, is_worth));
        for (int group = 0; group < GROUP_other; group++)
            fprintf(script, " %.4g", figure(experiment, variant, group, is_worth));
        fprintf(script, "\n");
    }
    fprintf(script, "END_OF_FIGURES\n");
}

static bool has_group(const struct experiment *experiment, int group)
{
    for (size_t i = 0; i < experiment->workload_count; i++)
        if ((int)experiment->workloads[i].group == group)
            return true;
    return false;
}

static void write_plot(FILE *script, const struct experiment *experiment)
{
    fprintf(script, "plot $figures using 2:xtic(1) title 'all'");
    for (int group = 0; group < GROUP_other; group++)
        if (has_group(experiment, group))
            fprintf(script, ", '' using %d title '%s'", group + 3,
                    workload_group_name((enum workload_group)group));
    fprintf(script, ", 1 with lines lc rgb 'black' notitle\n");
}

void report_plot(const char *path, const struct experiment *experiment)
{
    bool is_worth = has_bases(experiment);
    fflush(stdout);
    FILE *script = popen("gnuplot", "w");
    if (script == NULL)
        bench_fail("cannot start gnuplot");
    fprintf(script, "set terminal %s\nset output '%s'\n", find_format(path)->terminal, path);
    fprintf(script, "set style data histograms\nset style fill solid 0.8\nset grid y\n"
                    "set datafile missing 'nan'\nset yrange [0:*]\n"
                    "set xtics rotate by -45 noenhanced\n");
    fprintf(script, "set title '%s, geometric means'\nset ylabel '%s'\n", experiment->title,
            is_worth ? "time over time of the mode itself" : "time over native time");
    write_figures(script, experiment, is_worth);
    write_plot(script, experiment);
    int status = pclose(script);
    if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_fail("gnuplot did not draw %s (is gnuplot-nox installed?)", path);
}
