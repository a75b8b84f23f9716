// Variables that ops share by name.
#pragma once
#include "tensorflow/lite/micro/micro_allocator.h"
namespace tflite {
class MicroResourceVariables {
 public:
  int count = 0;
  static MicroResourceVariables* Create(MicroAllocator*, int count) {
    static MicroResourceVariables one;
    one.count = count;
    return &one;
  }
};
}  // namespace tflite
