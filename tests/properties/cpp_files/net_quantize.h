#ifndef NET_QUANTIZE_H_
#define NET_QUANTIZE_H_

#include <cmath>
#include <cstdint>
#include <limits>

namespace net {

struct Arithmetic {
  float scale;
  int zero_point;
};

// An input or output: its number for `input()` or `output()`, how many values it has, and what they stand for:
// number = scale * (integer - zero_point). Floats, and integers that stand for themselves, have the scale 1.
struct Tensor {
  int index;
  int size;
  Arithmetic arithmetic;
};

// image: (1, 2, 3) int8
constexpr Tensor kInputImage = {0, 6, {1.0e-01f, -7}};
constexpr int kInput0Size = kInputImage.size;
constexpr Arithmetic kInput0 = kInputImage.arithmetic;
// shift?n*/ evil: (1, 2, 3) float32
constexpr Tensor kInputShiftEvil = {1, 6, {1.0e+00f, 0}};
constexpr int kInput1Size = kInputShiftEvil.size;
// clipped: (1, 2, 3) float32
constexpr Tensor kOutputClipped = {0, 6, {1.0e+00f, 0}};
constexpr int kOutput0Size = kOutputClipped.size;
// last: (1, 2, 3) int8
constexpr Tensor kOutputLast = {1, 6, {2.0e+00f, 0}};
constexpr int kOutput1Size = kOutputLast.size;
constexpr Arithmetic kOutput1 = kOutputLast.arithmetic;

// Divide, round half to even, clip, and only then cast: a cast alone turns the largest input into the smallest.
template <typename Integer>
inline Integer Quantize(float number, Arithmetic arithmetic) {
  const float steps = std::nearbyint(number / arithmetic.scale) + static_cast<float>(arithmetic.zero_point);
  const float low = static_cast<float>(std::numeric_limits<Integer>::min());
  const float high = static_cast<float>(std::numeric_limits<Integer>::max());
  return static_cast<Integer>(steps < low ? low : steps > high ? high : steps);
}

template <typename Integer>
inline Integer Quantize(float number, const Tensor& tensor) {
  return Quantize<Integer>(number, tensor.arithmetic);
}

template <typename Integer>
inline float Dequantize(Integer integer, Arithmetic arithmetic) {
  return (static_cast<float>(integer) - static_cast<float>(arithmetic.zero_point)) * arithmetic.scale;
}

template <typename Integer>
inline float Dequantize(Integer integer, const Tensor& tensor) {
  return Dequantize<Integer>(integer, tensor.arithmetic);
}

}  // namespace net

#endif  // NET_QUANTIZE_H_
