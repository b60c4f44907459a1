// Attention of one query for each of n texts, with its key and value put into the cache on the way. `one_query.py`
// calls this. Between two products of a step there are a dozen little works, and each is begun with empty caches, as
// the weights have pushed out all else: here they are one.

#include <algorithm>
#include <cmath>
#include <vector>

#include "vectors.h"

constexpr int64_t AHEAD = 16;  // so many keys and values before they are needed they are asked for

// scores[j] = query · keys[j] for t keys, each d long
static void score(const float* query, const float* keys, int64_t t, int64_t d, float* scores) {
  for (int64_t first = 0; first < t; first += LANES) {
    const int64_t together = std::min<int64_t>(LANES, t - first);
    Vector sums[LANES] = {};
    for (int64_t j = 0; j < together; j++) {
      const float* key = keys + (first + j) * d;
      for (int64_t c = 0; c + LANES <= d; c += LANES) {
        __builtin_prefetch(key + AHEAD * d + c);
        sums[j] += load(key + c) * load(query + c);
      }
    }
    float dots[LANES];
    store(dots, totals(sums));
    for (int64_t j = 0; j < together; j++) {
      for (int64_t c = d / LANES * LANES; c < d; c++) dots[j] += keys[(first + j) * d + c] * query[c];
      scores[first + j] = dots[j];
    }
  }
}

// Scores → weights that add up to 1, of those that are seen; the others get 0. `seen` may be null: all are.
static void softmax(float* scores, int64_t t, float scale, const bool* seen) {
  float most = -INFINITY, sum = 0;
  for (int64_t j = 0; j < t; j++) {
    scores[j] = seen && !seen[j] ? -INFINITY : scores[j] * scale;
    most = std::max(most, scores[j]);
  }
  for (int64_t j = 0; j < t; j++) sum += scores[j] = std::exp(scores[j] - most);
  for (int64_t j = 0; j < t; j++) scores[j] /= sum;
}

// y = Σ weights[j] · values[j] over t values, each d long
static void blend(const float* weights, const float* values, int64_t t, int64_t d, float* y) {
  constexpr int WIDE = 4;  // vectors: the sums of so many are kept in registers
  int64_t c = 0;
  for (; c + WIDE * LANES <= d; c += WIDE * LANES) {
    Vector sums[WIDE] = {};
    for (int64_t j = 0; j < t; j++)
      for (int i = 0; i < WIDE; i++) {
        const float* value = values + j * d + c + i * LANES;
        __builtin_prefetch(value + AHEAD * d);
        sums[i] += load(value) * weights[j];
      }
    for (int i = 0; i < WIDE; i++) store(y + c + i * LANES, sums[i]);
  }
  for (; c < d; c++) {
    y[c] = 0;
    for (int64_t j = 0; j < t; j++) y[c] += weights[j] * values[j * d + c];
  }
}

// Each text has `heads` of keys and values, and `times` as many of queries; head h of queries looks at h / times.
//
// query (n, heads · times, d), key and value (n, heads, d): the heads of a text side by side, its neighbour so many
// numbers on as query_stride, key_stride and value_stride say; keys and values (n, heads, capacity, d), of which t − 1
// hold something; seen (n, t) or null → y (n, heads · times, d)
extern "C" void one_query(const float* query, const float* key, const float* value, float* keys, float* values,
                          const bool* seen, float* y, int64_t n, int64_t heads, int64_t times, int64_t t,
                          int64_t capacity, int64_t d, int64_t query_stride, int64_t key_stride, int64_t value_stride,
                          int threads) {
  const float scale = 1 / std::sqrt(static_cast<float>(d));
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> weights(t);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < n * heads; i++) {
      const int64_t text = i / heads, head = i % heads;
      float *of_keys = keys + i * capacity * d, *of_values = values + i * capacity * d;
      std::memcpy(of_keys + (t - 1) * d, key + text * key_stride + head * d, d * sizeof(float));
      std::memcpy(of_values + (t - 1) * d, value + text * value_stride + head * d, d * sizeof(float));
      for (int64_t c = 0; c < std::min(t, AHEAD) * d; c += 16) __builtin_prefetch(of_values + c);
      for (int64_t r = 0; r < times; r++) {
        score(query + text * query_stride + (head * times + r) * d, of_keys, t, d, weights.data());
        softmax(weights.data(), t, scale, seen ? seen + text * t : nullptr);
        blend(weights.data(), of_values, t, d, y + (i * times + r) * d);
      }
    }
  }
}
