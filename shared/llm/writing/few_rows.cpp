// Products of few rows with many weights, at the speed of the memory. `few_rows.py` calls this.
//
// A product of 8 rows with W (d_out, d_in) needs 16 operations for each weight that it reads, and a core could do more:
// what takes the time is the reading. Routines that are made for large products rearrange W first, or leave the memory
// idle while they compute. Here W is read once, as it lies: several of its rows together, so that several streams come
// from memory, and while they are worked on, the next ones are already asked for (`__builtin_prefetch`).

#include <algorithm>

#include "vectors.h"

constexpr int MOST = 8;               // so many rows of x, and so many of W, are worked on together at most
constexpr int READ = 0, INTO_L2 = 2;  // of what is asked for: the first cache is full of x

// y[r, s] = x[r] · w[s] + bias[s] for R rows of x and S rows of w; bias may be null.
template <int R, int S>
static inline void dots(const float* x, const float* w, const float* bias, float* y, int64_t d_in, int64_t d_out) {
  constexpr int PLACES = (R * S + LANES - 1) / LANES * LANES;
  Vector sums[PLACES] = {};
  int64_t k = 0;
  for (; k + LANES <= d_in; k += LANES) {
    Vector of_w[S];
    for (int s = 0; s < S; s++) {
      __builtin_prefetch(w + (S + s) * d_in + k, READ, INTO_L2);
      of_w[s] = load(w + s * d_in + k);
    }
    for (int r = 0; r < R; r++) {
      Vector of_x = load(x + r * d_in + k);
      for (int s = 0; s < S; s++) sums[r * S + s] += of_w[s] * of_x;
    }
  }
  float dot[PLACES];
  for (int i = 0; i < PLACES; i += LANES) store(dot + i, totals(sums + i));
  for (int r = 0; r < R; r++)
    for (int s = 0; s < S; s++) {
      float sum = dot[r * S + s];
      for (int64_t rest = k; rest < d_in; rest++) sum += w[s * d_in + rest] * x[r * d_in + rest];
      y[r * d_out + s] = bias ? sum + bias[s] : sum;
    }
}

// The same for `count` rows of w.
template <int R>
static void rows(const float* x, const float* w, const float* bias, float* y, int64_t d_in, int64_t d_out,
                 int64_t count) {
  constexpr int S = std::min(MOST, std::max(1, 2 * LANES / R));  // measured: fewer are slower, more are not faster
  int64_t o = 0;
  for (; o + S <= count; o += S) dots<R, S>(x, w + o * d_in, bias ? bias + o : nullptr, y + o, d_in, d_out);
  for (; o < count; o++) dots<R, 1>(x, w + o * d_in, bias ? bias + o : nullptr, y + o, d_in, d_out);
}

// x (n, d_in), weight (d_out, d_in), bias (d_out) or null → y (n, d_out) = x Wᵀ + bias; all float32 without gaps
extern "C" void few_rows(const float* x, const float* weight, const float* bias, float* y, int64_t n, int64_t d_in,
                         int64_t d_out, int threads) {
  static constexpr decltype(&rows<1>) OF[MOST] = {rows<1>, rows<2>, rows<3>, rows<4>,
                                                  rows<5>, rows<6>, rows<7>, rows<8>};
  constexpr int64_t TILE = 48;  // rows of W that stay in the cache for further rows of x
#pragma omp parallel for schedule(guided) num_threads(threads)
  for (int64_t first = 0; first < d_out; first += TILE) {
    const float* w = weight + first * d_in;
    const float* of_bias = bias ? bias + first : nullptr;
    for (int64_t row = 0; row < n; row += MOST)
      OF[std::min<int64_t>(MOST, n - row) - 1](x + row * d_in, w, of_bias, y + row * d_out + first, d_in, d_out,
                                               std::min(TILE, d_out - first));
  }
}
