// The C++ that tch lacks. Every function returns 0, or 1 after an exception whose text `shim_error` gives.
//
// Nothing here decides anything: the rules stand in the Rust modules that call it.

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <cstdint>
#include <exception>
#include <string>

namespace {

thread_local std::string last_error;

// Runs `body` and keeps an exception's message, without the backtrace that differs from run to run.
template <typename Body> int guarded(Body body) {
  try {
    body();
    return 0;
  } catch (const c10::Error &error) {
    last_error = error.what_without_backtrace();
  } catch (const std::exception &error) {
    last_error = error.what();
  } catch (...) {
    last_error = "an exception without a message";
  }
  return 1;
}

using at::Float32Backend;
using at::Float32Op;
using at::Float32Precision;

constexpr Float32Backend BACKENDS[] = {Float32Backend::CUDA, Float32Backend::MKLDNN};
constexpr Float32Op OPERATORS[] = {Float32Op::CONV, Float32Op::RNN, Float32Op::MATMUL};

bool whole_floats() {
  auto &context = at::globalContext();
  for (auto backend : BACKENDS) {
    for (auto op : OPERATORS) {
      auto precision = context.float32Precision(backend, op);
      if (precision != Float32Precision::IEEE && precision != Float32Precision::NONE) {
        return false;
      }
    }
  }
  return true;
}

} // namespace

extern "C" {

// The same fields, in the same order, as `Reading` in switches.rs.
struct Reading {
  uint8_t deterministic;
  uint8_t warn_only;
  uint8_t fill_uninitialised;
  uint8_t cudnn_benchmark;
  uint8_t cudnn_deterministic;
  uint8_t mkldnn_deterministic;
  uint8_t tf32_matmul;
  uint8_t tf32_convolution;
  uint8_t tf32_onednn;
  uint8_t reduced_fp16;
  uint8_t reduced_bf16;
  uint8_t accumulate_fp16;
  uint8_t reduced_fp16_cpu;
  uint8_t reduced_attention;
  uint8_t matmul_highest;
  uint8_t whole_floats;
  int64_t threads;
  int64_t interop_threads;
};

const char *shim_error() { return last_error.c_str(); }

int shim_set_switches(uint8_t fill_uninitialised) {
  return guarded([&] {
    auto &context = at::globalContext();
    context.setDeterministicAlgorithms(true, /*warn_only=*/false);
    context.setDeterministicFillUninitializedMemory(fill_uninitialised != 0);
    context.setBenchmarkCuDNN(false);
    context.setDeterministicCuDNN(true);
    context.setDeterministicMkldnn(true);
    context.setAllowTF32CuDNN(false);
    // Setting it, even to false, makes a build without that backend warn on standard error.
    if (context.allowTF32OneDNN()) context.setAllowTF32OneDNN(false);
    context.setFloat32MatmulPrecision("highest");
    for (auto backend : BACKENDS) {
      for (auto op : OPERATORS) {
        context.setFloat32Precision(backend, op, Float32Precision::IEEE);
      }
    }
    context.setAllowFP16ReductionCuBLAS(false, /*allow_splitk=*/false);
    context.setAllowBF16ReductionCuBLAS(false, /*allow_splitk=*/false);
    context.setAllowFP16AccumulationCuBLAS(false);
    context.setAllowFP16ReductionCPU(false);
    context.setAllowFP16BF16ReductionMathSDP(false);
  });
}

int shim_read_switches(Reading *reading) {
  return guarded([&] {
    auto &context = at::globalContext();
    using at::CuBLASReductionOption;
    constexpr auto STRICT = CuBLASReductionOption::DisallowReducedPrecisionDisallowSplitK;
    reading->deterministic = context.deterministicAlgorithms();
    reading->warn_only = context.deterministicAlgorithmsWarnOnly();
    reading->fill_uninitialised = context.deterministicFillUninitializedMemory();
    reading->cudnn_benchmark = context.benchmarkCuDNN();
    reading->cudnn_deterministic = context.deterministicCuDNN();
    reading->mkldnn_deterministic = context.deterministicMkldnn();
    reading->tf32_matmul = context.allowTF32CuBLAS();
    reading->tf32_convolution = context.allowTF32CuDNN();
    reading->tf32_onednn = context.allowTF32OneDNN();
    reading->reduced_fp16 = context.allowFP16ReductionCuBLAS() != STRICT;
    reading->reduced_bf16 = context.allowBF16ReductionCuBLAS() != STRICT;
    reading->accumulate_fp16 = context.allowFP16AccumulationCuBLAS();
    reading->reduced_fp16_cpu = context.allowFP16ReductionCPU();
    reading->reduced_attention = context.allowFP16BF16ReductionMathSDP();
    reading->matmul_highest = context.float32MatmulPrecision() == at::Float32MatmulPrecision::HIGHEST;
    reading->whole_floats = whole_floats();
    reading->threads = at::get_num_threads();
    reading->interop_threads = static_cast<int64_t>(at::get_num_interop_threads());
  });
}

int shim_one_thread() {
  return guarded([] {
    at::set_num_threads(1);
    // libtorch refuses a second call, even with the value that already holds.
    if (at::get_num_interop_threads() != 1) {
      at::set_num_interop_threads(1);
    }
  });
}

// Exceptions lose their stack: walking it would open files, and its addresses differ from run to run.
int shim_plain_errors() {
  return guarded([] { c10::SetStackTraceFetcher(std::function<std::string()>([] { return std::string(); })); });
}

// One step of AdamW in place; `step` counts from 1.
int shim_adamw(at::Tensor *value, const at::Tensor *gradient, at::Tensor *exp_avg, at::Tensor *exp_avg_sq, double step,
               double lr, double beta1, double beta2, double weight_decay, double epsilon) {
  return guarded([&] {
    c10::AutoGradMode no_grad(false);
    auto count = at::full({}, step, value->options().dtype(at::kFloat));
    at::_fused_adamw_({*value}, {*gradient}, {*exp_avg}, {*exp_avg_sq}, {}, {count}, lr, beta1, beta2, weight_decay,
                      epsilon, /*amsgrad=*/false, /*maximize=*/false);
  });
}

// Writes libtorch's name for the instructions it uses, at most `capacity` bytes with the final zero.
int shim_capability(char *text, size_t capacity) {
  return guarded([&] {
    auto name = at::get_cpu_capability();
    TORCH_CHECK(name.size() < capacity, "a name of ", name.size(), " bytes");
    std::copy(name.c_str(), name.c_str() + name.size() + 1, text);
  });
}

} // extern "C"
