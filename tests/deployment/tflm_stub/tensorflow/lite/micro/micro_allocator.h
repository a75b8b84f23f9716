// Memory for an interpreter.
#pragma once
#include "tensorflow/lite/micro/micro_interpreter.h"
namespace tflite {
class MicroAllocator {
 public:
  static MicroAllocator* Create(uint8_t* arena, size_t size) {
    static MicroAllocator one;
    return arena != nullptr && size > 0 ? &one : nullptr;
  }
};
}  // namespace tflite
