// A vector is as many numbers as a register of the processor holds; GCC and Clang know how to add and multiply them.

#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));

static inline Vector load(const float* from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

static inline void store(float* to, Vector v) { std::memcpy(to, &v, sizeof v); }

#if defined(__clang__) || __GNUC__ >= 12
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t Indices __attribute__((vector_size(sizeof(Vector))));
#define PICK(a, b, ...) __builtin_shuffle(a, b, Indices{__VA_ARGS__})
#endif

// Neighbours added: (a0 + a1, a2 + a3, … b0 + b1, b2 + b3, …)
template <int... I>
static inline Vector fold(Vector a, Vector b, std::integer_sequence<int, I...>) {
  return PICK(a, b, (2 * I)...) + PICK(a, b, (2 * I + 1)...);
}

// What each of LANES vectors adds up to, side by side in one. The vectors are used up.
static inline Vector totals(Vector* v) {
  for (int n = LANES / 2; n; n /= 2)
    for (int i = 0; i < n; i++) v[i] = fold(v[2 * i], v[2 * i + 1], std::make_integer_sequence<int, LANES>());
  return v[0];
}
