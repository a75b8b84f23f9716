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
struct Model;
class MicroOpResolver {};
class MicroAllocator;
class MicroResourceVariables;
class MicroInterpreter {
 public:
  static inline int alive = 0, made = 0, allocated = 0, resets = 0;
  MicroInterpreter() = default;
  MicroInterpreter(const Model* model, const MicroOpResolver&, MicroAllocator* allocator,
                   MicroResourceVariables* resource_variables = nullptr)
      : variables(resource_variables) { made += model != nullptr && allocator != nullptr; ++alive; }
  virtual ~MicroInterpreter() { --alive; }
  virtual TfLiteTensor* input(size_t) { return nullptr; }
  virtual TfLiteTensor* output(size_t) { return nullptr; }
  virtual TfLiteStatus AllocateTensors() { ++allocated; return kTfLiteOk; }
  virtual TfLiteStatus Invoke() { return kTfLiteError; }
  virtual TfLiteStatus Reset() { ++resets; return kTfLiteOk; }
  MicroResourceVariables* variables = nullptr;
};
}  // namespace tflite
