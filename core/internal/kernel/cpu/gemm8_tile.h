// A product of registers: MR rows by NP panels, for the sets whose dot product takes one register of weights.
// The file that includes it defines
//   TARGET                 the functions' target attribute
//   ACC, W, X              types: of sums, of weights, of a row's group spread over a register
//   LANES                  sums in an ACC: 4, 8 or 16
//   MR, NP                 rows and panels (even) at a time
//   zero(), weights(p), spread(p), dot(acc, x, w), store(p, acc)
// and calls PRODUCT(name).
#define PARTS (16 / LANES)

TARGET static inline __attribute__((always_inline)) void block(const int mr, const int np, const uint8_t *a, int64_t lda, const uint8_t *w, int64_t row, char *c, int64_t ldc) {
  ACC acc[MR][NP * PARTS];
#pragma GCC unroll 16
  for (int r = 0; r < mr; r++)
#pragma GCC unroll 16
    for (int p = 0; p < np * PARTS; p++) acc[r][p] = zero();
  for (int64_t k = 0; k < row; k += 4) {
    W b[NP * PARTS];
#pragma GCC unroll 16
    for (int p = 0; p < np; p++)
#pragma GCC unroll 16
      for (int q = 0; q < PARTS; q++) b[p * PARTS + q] = weights(w + p * row * ke_panel + k * 16 + q * LANES * 4);
#pragma GCC unroll 16
    for (int r = 0; r < mr; r++) {
      X x = spread(a + r * lda + k);
#pragma GCC unroll 16
      for (int p = 0; p < np * PARTS; p++) acc[r][p] = dot(acc[r][p], x, b[p]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < mr; r++)
#pragma GCC unroll 16
    for (int p = 0; p < np * PARTS; p++) store(c + (r * ldc + p * LANES) * 4, acc[r][p]);
}

TARGET static void blocks(int mr, int np, const uint8_t *a, int64_t lda, const uint8_t *w, int64_t row, char *c, int64_t ldc) {
  if (np == NP) switch (mr) {
    case 1: block(1, NP, a, lda, w, row, c, ldc); return;
    case 2: block(2, NP, a, lda, w, row, c, ldc); return;
#if MR > 3
    case 3: block(3, NP, a, lda, w, row, c, ldc); return;
    case 4: block(4, NP, a, lda, w, row, c, ldc); return;
#endif
#if MR > 4
    case 5: block(5, NP, a, lda, w, row, c, ldc); return;
    default: block(6, NP, a, lda, w, row, c, ldc); return;
#endif
    }
#pragma GCC unroll 16
  for (int r = 0; r < mr; r++) block(1, 1, a + r * lda, lda, w, row, c + r * ldc * 4, ldc);
}

#define PRODUCT(name)                                                                                                  \
  TARGET void name(const void *a, int64_t lda, int rows, const void *w, int64_t row, int panels, void *c, int64_t ldc) { \
    for (int p = 0; p < panels;) {                                                                                     \
      int np = panels - p >= NP ? NP : 1;                                                                              \
      for (int r = 0; r < rows; r += MR)                                                                               \
        blocks(rows - r < MR ? rows - r : MR, np, (const uint8_t *)a + r * lda, lda, (const uint8_t *)w + p * row * ke_panel, row, (char *)c + (r * ldc + p * ke_panel) * 4, ldc); \
      p += np;                                                                                                         \
    }                                                                                                                  \
  }
