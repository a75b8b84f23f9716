#ifndef NET_GOLDEN_H_
#define NET_GOLDEN_H_

#include <cstdint>

#include "tensorflow/lite/micro/micro_interpreter.h"

namespace net {

constexpr int kGoldenCount = 3;
extern const int8_t kGoldenInput0[kGoldenCount][6];
extern const float kGoldenInput1[kGoldenCount][6];
extern const float kGoldenOutput0[kGoldenCount][6];
extern const int8_t kGoldenOutput1[kGoldenCount][6];

// Runs the golden inputs, each from the initial state of the model, on an interpreter whose tensors are allocated.
// Returns how many values of the outputs differ from those of TFLM's reference kernels; -1 where it fails to run.
// Integers must be equal: kernels that are bit-exact return 0. Floats may differ by 0.0001 of the largest one of
// their output, as other kernels and math libraries sum and round in another order.
int CountGoldenMismatches(tflite::MicroInterpreter& interpreter);

}  // namespace net

#endif  // NET_GOLDEN_H_
