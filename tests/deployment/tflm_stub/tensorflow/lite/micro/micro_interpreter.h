// The part of TensorFlow Lite Micro's interface that generated sources use.
#pragma once
#include <cstddef>
#include <cstdint>
#include "tensorflow/lite/micro/micro_profiler_interface.h"
enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
struct TfLiteTensor {
  union { char* raw; int8_t* int8; float* f; } data;
  size_t bytes;
};
struct TfLiteEvalTensor {
  union { char* raw; void* data; } data;
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
                   MicroResourceVariables* resource_variables = nullptr, MicroProfilerInterface* profiler = nullptr)
      : variables(resource_variables), profiler(profiler) { made += model != nullptr && allocator != nullptr; ++alive; }
  virtual ~MicroInterpreter() { --alive; }
  // What tests put behind the functions below.
  static inline TfLiteTensor* first_input = nullptr;
  static inline TfLiteEvalTensor* (*tensor)(int) = nullptr;
  static inline int ops = 0;
  virtual TfLiteTensor* input(size_t) { return first_input; }
  virtual TfLiteTensor* output(size_t) { return nullptr; }
  virtual TfLiteStatus AllocateTensors() { ++allocated; return kTfLiteOk; }
  virtual TfLiteStatus Invoke() {
    for (int op = 0; op < ops; ++op) {
      const uint32_t event = profiler->BeginEvent("op");
      profiler->EndEvent(profiler->BeginEvent("an op inside"));
      profiler->EndEvent(event);
    }
    return first_input != nullptr ? kTfLiteOk : kTfLiteError;
  }
  TfLiteEvalTensor* GetTensor(int tensor_index, int = 0) { return tensor(tensor_index); }
  virtual TfLiteStatus Reset() { ++resets; return kTfLiteOk; }
  MicroResourceVariables* variables = nullptr;
  MicroProfilerInterface* profiler = nullptr;
};
}  // namespace tflite
