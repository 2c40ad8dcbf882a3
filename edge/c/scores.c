/*
 * Runs a .tflite of kbs-export on token ids, with LiteRT's C API:
 *
 *     ./scores model.tflite 2 734 29 3              prints each output: its name, its shape, its values
 *     ./scores model.tflite 2 734 3 / 51 29 3       the ids behind "/" are those of the second text
 *
 * The shortest signature that fits is run, padded with 0 and masked. Exits with 1 and one line where something is wrong.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litert.h"

enum { MOST_IDS = 4096, MOST_TENSORS = 8 };

/* The row that is asked about. */
typedef struct {
  int32_t ids[MOST_IDS];
  int32_t segments[MOST_IDS];
  int count;
} Row;

static void fail(const char* what, const char* why) {
  fprintf(stderr, "error: %s: %s\n", what, why);
  exit(1);
}

static void check(LiteRtStatus status, const char* what) {
  if (status == 0) return;
  char why[64];
  snprintf(why, sizeof why, "LiteRT's status is %d.", status);
  fail(what, why);
}

static void read_row(int count, char** words, Row* row) {
  int segment = 0;
  row->count = 0;
  for (int i = 0; i < count; i++) {
    if (strcmp(words[i], "/") == 0) {
      segment = 1;
      continue;
    }
    char* end;
    errno = 0;
    long id = strtol(words[i], &end, 10);
    if (*end || end == words[i] || errno || id < 0 || id > INT_MAX) fail(words[i], "expected a token id.");
    if (row->count == MOST_IDS) fail("the ids", "there are more than 4096.");
    row->ids[row->count] = (int32_t)id;
    row->segments[row->count++] = segment;
  }
  if (row->count == 0) fail("the ids", "there are none.");
}

/* The ids that a signature takes. */
static int length_of(LiteRtSignature signature) {
  LiteRtTensor tensor;
  LiteRtRankedTensorType type;
  check(LiteRtGetSignatureInputTensorByIndex(signature, 0, &tensor), "the first input");
  check(LiteRtGetRankedTensorType(tensor, &type), "the shape of the first input");
  if (type.layout.rank != 2) fail("the model", "its first input is no row of ids.");
  return type.layout.dimensions[1];
}

/* The number of the shortest signature that takes so many ids. */
static size_t signature_for(LiteRtModel model, int count, LiteRtSignature* signature) {
  size_t signatures, best = 0;
  int shortest = INT_MAX;
  check(LiteRtGetNumModelSignatures(model, &signatures), "the signatures");
  for (size_t i = 0; i < signatures; i++) {
    LiteRtSignature one;
    check(LiteRtGetModelSignature(model, i, &one), "a signature");
    int length = length_of(one);
    if (length < count || length >= shortest) continue;
    shortest = length;
    best = i;
    *signature = one;
  }
  if (shortest == INT_MAX) fail("the ids", "no signature of the model takes so many.");
  return best;
}

static void fill(LiteRtTensorBuffer buffer, const char* name, const Row* row, int length) {
  int32_t* values;
  check(LiteRtLockTensorBuffer(buffer, (void**)&values, kLiteRtTensorBufferLockModeWrite), name);
  memset(values, 0, length * sizeof *values);
  for (int i = 0; i < row->count; i++) {
    if (strcmp(name, "input_word_ids") == 0) values[i] = row->ids[i];
    else if (strcmp(name, "input_type_ids") == 0) values[i] = row->segments[i];
    else if (strcmp(name, "input_mask") == 0) values[i] = 1;
    else fail(name, "expected input_word_ids, input_mask or input_type_ids.");
  }
  check(LiteRtUnlockTensorBuffer(buffer), name);
}

static void print(LiteRtTensorBuffer buffer, const char* name, const LiteRtRankedTensorType* type) {
  if (type->element_type != kLiteRtElementTypeFloat32) fail(name, "expected an output of float32.");
  float* values;
  check(LiteRtLockTensorBuffer(buffer, (void**)&values, kLiteRtTensorBufferLockModeRead), name);
  int count = 1;
  printf("%s", name);
  for (unsigned i = 0; i < type->layout.rank; i++) {
    count *= type->layout.dimensions[i];
    printf("%s%d", i ? "x" : " ", type->layout.dimensions[i]);
  }
  for (int i = 0; i < count; i++) printf(" %.8g", values[i]);
  printf("\n");
  check(LiteRtUnlockTensorBuffer(buffer), name);
}

int main(int argc, char** argv) {
  if (argc < 3) fail("usage", "scores model.tflite ID ... [/ ID ...]");
  static Row row;
  read_row(argc - 2, argv + 2, &row);

  LiteRtEnvironment environment;
  LiteRtModel model;
  LiteRtOptions options;
  LiteRtCompiledModel compiled;
  LiteRtSignature signature;
  check(LiteRtCreateEnvironment(0, NULL, &environment), "LiteRT");
  check(LiteRtCreateModelFromFile(environment, argv[1], &model), argv[1]);
  size_t number = signature_for(model, row.count, &signature);
  check(LiteRtCreateOptions(&options), "options");
  check(LiteRtSetOptionsHardwareAccelerators(options, kLiteRtHwAcceleratorCpu), "the CPU");
  check(LiteRtCreateCompiledModel(environment, model, options, &compiled), argv[1]);

  size_t input_count, output_count;
  check(LiteRtGetNumSignatureInputs(signature, &input_count), "the inputs");
  check(LiteRtGetNumSignatureOutputs(signature, &output_count), "the outputs");
  if (input_count > MOST_TENSORS || output_count > MOST_TENSORS) fail(argv[1], "it has more than 8 inputs or outputs.");
  LiteRtTensorBuffer inputs[MOST_TENSORS], outputs[MOST_TENSORS];
  LiteRtRankedTensorType types[MOST_TENSORS];
  const char* names[MOST_TENSORS];
  LiteRtTensor tensor;
  LiteRtTensorBufferRequirements needs;
  for (size_t i = 0; i < input_count; i++) {
    check(LiteRtGetSignatureInputName(signature, i, &names[i]), "an input's name");
    check(LiteRtGetSignatureInputTensorByIndex(signature, i, &tensor), names[i]);
    check(LiteRtGetRankedTensorType(tensor, &types[i]), names[i]);
    check(LiteRtGetCompiledModelInputBufferRequirements(compiled, number, i, &needs), names[i]);
    check(LiteRtCreateManagedTensorBufferFromRequirements(environment, &types[i], needs, &inputs[i]), names[i]);
    fill(inputs[i], names[i], &row, types[i].layout.dimensions[1]);
  }
  for (size_t i = 0; i < output_count; i++) {
    check(LiteRtGetSignatureOutputName(signature, i, &names[i]), "an output's name");
    check(LiteRtGetSignatureOutputTensorByIndex(signature, i, &tensor), names[i]);
    check(LiteRtGetRankedTensorType(tensor, &types[i]), names[i]);
    check(LiteRtGetCompiledModelOutputBufferRequirements(compiled, number, i, &needs), names[i]);
    check(LiteRtCreateManagedTensorBufferFromRequirements(environment, &types[i], needs, &outputs[i]), names[i]);
  }
  check(LiteRtRunCompiledModel(compiled, number, input_count, inputs, output_count, outputs), "the run");
  for (size_t i = 0; i < output_count; i++) print(outputs[i], names[i], &types[i]);

  for (size_t i = 0; i < input_count; i++) LiteRtDestroyTensorBuffer(inputs[i]);
  for (size_t i = 0; i < output_count; i++) LiteRtDestroyTensorBuffer(outputs[i]);
  LiteRtDestroyCompiledModel(compiled);
  LiteRtDestroyOptions(options);
  LiteRtDestroyModel(model);
  LiteRtDestroyEnvironment(environment);
  return 0;
}
