#include "circular_golden.h"

#include <cstddef>
#include <cstring>
#include <type_traits>

namespace circular {

const int8_t kGoldenInput0[kGoldenCount][6] = {
    {-16,-26,-4,8,22,2},
    {-11,-15,14,32,5,-24},
    {-19,32,4,-34,-1,-23},
};

const float kGoldenInput1[kGoldenCount][6] = {
    {-1.2585762e+01f,-9.760117e+00f,-1.4266268e+01f,1.106757e+01f,-1.2617195e+00f,-1.1788625e+01f},
    {8.192757e+00f,1.6597107e+01f,-3.2860466e+01f,-5.1346025e+00f,-1.9614946e+01f,-3.4631045e+00f},
    {-2.5788376e+01f,4.1380787e-01f,-7.577148e-01f,-6.086755e+00f,-2.095853e+01f,-7.9238067e+00f},
};

const float kGoldenOutput0[kGoldenCount][6] = {
    {-6.625818e+00f,-1.6809464e+01f,2.8974627e+01f,1.1364262e+01f,4.863465e+01f,1.2838327e+01f},
    {1.6899855e+01f,1.6813658e+01f,-1.2132231e+01f,-1.400569e+00f,2.7007778e+01f,-7.9310155e+00f},
    {3.7759907e+00f,-4.244692e-01f,1.218433e+01f,-7.298175e+00f,-3.0472379e+00f,4.8476286e+00f},
};

const int8_t kGoldenOutput1[kGoldenCount][6] = {
    {-21,-27,4,-22,23,14},
    {-39,5,-22,0,0,-39},
    {-4,-5,19,-23,14,-21},
};

// Counts the integers that differ, and the floats that do by more than the tolerance; NaN differs from every number.
template <typename Value>
static int Differ(const char* found, const Value* expected, int size, float tolerance) {
  int differ = 0;
  for (int i = 0; i < size; ++i) {
    Value value;
    std::memcpy(&value, found + i * sizeof(Value), sizeof(Value));
    if constexpr (std::is_floating_point<Value>::value) {
      differ += !(value - expected[i] <= tolerance && expected[i] - value <= tolerance);
    } else {
      differ += value != expected[i];
    }
  }
  return differ;
}

int CountGoldenMismatches(Interpreter& interpreter) {
  int mismatches = 0;
  for (int i = 0; i < kGoldenCount; ++i) {
    // Recurrent layers and variables keep their state from one Invoke to the next otherwise.
    if (interpreter.Reset() != kTfLiteOk) return -1;
    std::memcpy(interpreter->input(0)->data.raw, kGoldenInput0[i], sizeof(kGoldenInput0[i]));
    std::memcpy(interpreter->input(1)->data.raw, kGoldenInput1[i], sizeof(kGoldenInput1[i]));
    if (interpreter->Invoke() != kTfLiteOk) return -1;
    mismatches += Differ(interpreter->output(0)->data.raw, kGoldenOutput0[i], 6, 4.863465e-03f);
    mismatches += Differ(interpreter->output(1)->data.raw, kGoldenOutput1[i], 6, 0);
  }
  return mismatches;
}

}  // namespace circular
