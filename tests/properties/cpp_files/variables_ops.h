#ifndef VARIABLES_OPS_H_
#define VARIABLES_OPS_H_

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace variables {

using Resolver = tflite::MicroMutableOpResolver<3>;

// Registers the ops of the model and no others, so that the linker leaves out all other kernels. Where TFLM names a
// kernel for the one type that an op has here, it is that, such as Register_ADD_INT8: CMSIS-NN has one without the code
// for other types, and where there is none the name stands for the kernel of all types.
inline TfLiteStatus AddOps(Resolver& resolver) {
  if (resolver.AddAdd() != kTfLiteOk) return kTfLiteError;
  if (resolver.AddReadVariable() != kTfLiteOk) return kTfLiteError;
  if (resolver.AddVarHandle() != kTfLiteOk) return kTfLiteError;
  return kTfLiteOk;
}

}  // namespace variables

#endif  // VARIABLES_OPS_H_
