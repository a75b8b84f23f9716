#ifndef NET_OPS_H_
#define NET_OPS_H_

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace net {

using Resolver = tflite::MicroMutableOpResolver<4>;

// Registers the ops of the model and no others, so that the linker leaves out all other kernels. Where TFLM names a
// kernel for the one type that an op has here, it is that, such as Register_ADD_INT8: CMSIS-NN has one without the code
// for other types, and where there is none the name stands for the kernel of all types.
inline TfLiteStatus AddOps(Resolver& resolver) {
  if (resolver.AddAdd() != kTfLiteOk) return kTfLiteError;
  if (resolver.AddDequantize() != kTfLiteOk) return kTfLiteError;
  if (resolver.AddQuantize() != kTfLiteOk) return kTfLiteError;
  if (resolver.AddRelu() != kTfLiteOk) return kTfLiteError;
  return kTfLiteOk;
}

}  // namespace net

#endif  // NET_OPS_H_
