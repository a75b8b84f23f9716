// The part of TensorFlow Lite Micro's interface that generated sources use.
#pragma once
#include <cstddef>
#include <cstdint>
enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
struct TfLiteTensor {
  union { char* raw; int8_t* int8; float* f; } data;
  size_t bytes;
};
namespace tflite {
class MicroInterpreter {
 public:
  virtual TfLiteTensor* input(size_t index) = 0;
  virtual TfLiteTensor* output(size_t index) = 0;
  virtual TfLiteStatus Invoke() = 0;
};
}  // namespace tflite
