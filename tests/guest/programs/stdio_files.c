/* stdio on files: buffering, seeking, ungetc, fscanf, getline, tmpfile, large files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    FILE *file = fopen("text", "w+");
    for (int i = 0; i < 5000; i++)
        fprintf(file, "line %d of text %g\n", i, i / 8.0);
    printf("position %ld\n", ftell(file));
    rewind(file);
    char *line = NULL;
    size_t capacity = 0, lines = 0, bytes = 0;
    for (ssize_t length; (length = getline(&line, &capacity, file)) > 0; lines++)
        bytes += (size_t)length;
    printf("lines %zu bytes %zu eof %d\n", lines, bytes, feof(file) != 0);
    fseek(file, -30, SEEK_END);
    printf("%s", fgets(line, (int)capacity, file));
    printf("%s", fgets(line, (int)capacity, file));
    fseek(file, 5, SEEK_SET);
    int number, c = fgetc(file);
    ungetc('9', file);
    int items = fscanf(file, "%d of %s", &number, line);
    printf("%c %d %d %s\n", c, items, number, line);
    freopen("text", "a", file);
    fputs("appended\n", file);
    fclose(file);
    file = fopen("text", "r");
    setvbuf(file, NULL, _IOFBF, 100);
    fseek(file, -9, SEEK_END);
    printf("%s", fgets(line, 100, file));
    fclose(file);
    FILE *binary = tmpfile();
    double numbers[1000], back[1000];
    for (int i = 0; i < 1000; i++)
        numbers[i] = i * 1.25 - 3;
    printf("fwrite %zu\n", fwrite(numbers, sizeof *numbers, 1000, binary));
    rewind(binary);
    size_t got = fread(back, sizeof *back, 1000, binary);
    printf("fread %zu %d\n", got, memcmp(numbers, back, sizeof back));
    fclose(binary);
    char *memory = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&memory, &size);
    fprintf(stream, "in memory %d", 42);
    fclose(stream);
    printf("%s %zu\n", memory, size);
    free(memory);
    free(line);
    remove("text");
    printf("fopen %p\n", (void *)fopen("text", "r"));
    perror("fopen");
    return 0;
}
