/* Runs launches of kernels that were compiled for AArch64: run FILE-IN FILE-OUT.
   In: numbers of 64 bits (bytes of memory, bytes of scratch, launches; per launch: kernel, tasks, slots; per slot:
   whether it is an offset into memory, value), then the memory. Out: the memory afterwards. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void kernel(int64_t arguments, int64_t first, int64_t last, int64_t scratch);
extern kernel *const kernels[];

static int64_t number(FILE *file) {
    int64_t value;
    if (fread(&value, 8, 1, file) != 1) exit(3);
    return value;
}

int main(int count, char **names) {
    if (count != 3) return 4;
    FILE *in = fopen(names[1], "rb"), *out = fopen(names[2], "wb");
    int64_t bytes = number(in), scratch_bytes = number(in), launches = number(in);
    char *memory = aligned_alloc(64, (bytes + 127) / 64 * 64), *scratch = aligned_alloc(64, scratch_bytes + 64);
    int64_t *table = malloc(8 * 3 * launches), **blocks = malloc(8 * launches);
    for (int64_t i = 0; i < launches; i++) {
        for (int j = 0; j < 3; j++) table[3 * i + j] = number(in);
        blocks[i] = malloc(8 * table[3 * i + 2] + 8);
        for (int64_t slot = 0; slot < table[3 * i + 2]; slot++) {
            int64_t is_offset = number(in), value = number(in);
            blocks[i][slot] = is_offset ? (int64_t)memory + value : value;
        }
    }
    if (fread(memory, 1, bytes, in) != (size_t)bytes) return 5;
    for (int64_t i = 0; i < launches; i++)
        kernels[table[3 * i]]((int64_t)blocks[i], 0, table[3 * i + 1], (int64_t)scratch);
    return fwrite(memory, 1, bytes, out) == (size_t)bytes && fclose(out) == 0 ? 0 : 6;
}
