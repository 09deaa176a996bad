/*
 * multiplier_2: 4 inputs, 4 outputs, 6 cells.
 *
 * exact circuit: multiplier:2, 8 cells, depth 3
 * size: 6 cells, depth 3
 * error: wce 1, mae 0.25, mse 0.25, ep 0.25, mre 0.111111, wcre 1
 * 64 input vectors at once: bit k of every word belongs to vector k. The arrays must not overlap.
 * Ports, least significant bit first:
 *     input a[2]: x[0] to x[1]
 *     input b[2]: x[2] to x[3]
 *     output p[4]: y[0] to y[3]
 */

#include <stdint.h>

void multiplier_2_words(const uint64_t *restrict x, uint64_t *restrict y);

void multiplier_2_words(const uint64_t *restrict x, uint64_t *restrict y)
{
    const uint64_t n1 = x[0] & x[3];
    const uint64_t n2 = x[1] & x[2];
    const uint64_t n3 = x[1] & x[3];
    const uint64_t n4 = n1 & n2;
    const uint64_t n5 = n1 | n2;
    const uint64_t n6 = n3 & ~n4;
    y[0] = UINT64_C(0);
    y[1] = n5;
    y[2] = n6;
    y[3] = n4;
}

/*
 * Fills a table of 2^4 entries: all output bits, output 0 least significant, at the index
 * a, b times 2 to the 2 added up. Operands are not checked: reduce each to its
 * width first (negative ones in two's complement), as its higher bits would reach into the next operand.
 */
void multiplier_2_table(uint64_t *table);

void multiplier_2_table(uint64_t *table)
{
    uint64_t x[4], y[4];
    const uint64_t end = UINT64_C(1) << 4;
    for (uint64_t first = 0; first < end; first += 64) {
        for (int bit = 0; bit < 4; bit++) {
            x[bit] = 0;
            for (int k = 0; k < 64; k++)
                x[bit] |= (((first + (uint64_t)k) >> bit) & 1) << k;
        }
        multiplier_2_words(x, y);
        for (uint64_t k = 0; k < 64 && first + k < end; k++) {
            table[first + k] = 0;
            for (int bit = 0; bit < 4; bit++)
                table[first + k] |= ((y[bit] >> k) & 1) << bit;
        }
    }
}
