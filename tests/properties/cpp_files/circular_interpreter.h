#ifndef CIRCULAR_INTERPRETER_H_
#define CIRCULAR_INTERPRETER_H_

#include <cstdint>
#include <new>

#include "circular_model.h"
#include "circular_ops.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace circular {

// The model with its ops, its arena and its resource variables. It keeps state from one Invoke to the
// next: call Reset before each sample that stands for itself, or at the start of a sequence.
class Interpreter {
 public:
  // Takes kArenaSize bytes, aligned to 16, which must live as long as the interpreter; and what TFLM tells of each op.
  explicit Interpreter(uint8_t* arena, tflite::MicroProfilerInterface* profiler = nullptr)
      : arena_(arena), profiler_(profiler) {}
  ~Interpreter() { Stop(); }
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // Allocates the tensors, in place of those that are there; call it before anything else.
  TfLiteStatus Start() {
    Stop();
    if (!has_ops_ && AddOps(resolver_) != kTfLiteOk) return kTfLiteError;
    has_ops_ = true;
    tflite::MicroAllocator* allocator = tflite::MicroAllocator::Create(arena_, kArenaSize);
    tflite::MicroResourceVariables* variables = nullptr;
    interpreter_ = new (memory_)
        tflite::MicroInterpreter(tflite::GetModel(kModel), resolver_, allocator, variables, profiler_);
    return interpreter_->AllocateTensors();
  }

  // Returns to the initial state. Built anew, as MicroInterpreter::Reset does not bring
  // the initial values of this model back.
  TfLiteStatus Reset() { return Start(); }

  tflite::MicroInterpreter* operator->() { return interpreter_; }
  operator tflite::MicroInterpreter&() { return *interpreter_; }

 private:
  void Stop() {
    if (interpreter_ != nullptr) interpreter_->~MicroInterpreter();
    interpreter_ = nullptr;
  }

  uint8_t* arena_;
  tflite::MicroProfilerInterface* profiler_;
  Resolver resolver_;
  bool has_ops_ = false;
  alignas(tflite::MicroInterpreter) unsigned char memory_[sizeof(tflite::MicroInterpreter)];
  tflite::MicroInterpreter* interpreter_ = nullptr;
};

}  // namespace circular

#endif  // CIRCULAR_INTERPRETER_H_
