// Runs every kernel of a library beside the CPU's, on equal inputs, and compares; twice, for equal bits.
//
//   cuda_conformance CPU_LIBRARY LIBRARY [KERNEL]
//
// Memory of the library under test comes from cudaMalloc, so that compute-sanitizer sees every access; built
// for the CPU, every array ends at a page that cannot be touched. A kernel of the list that no case compared
// is a failure; KERNEL counts as one, to see that it is. Ends with a digest of what the library wrote, which
// another order of threads may not change, and the number of comparisons; with status 1 when one failed.
#include "harness.h"

int main(int count, char **arguments) {
  if (count != 3 && count != 4)
    die("expected: cuda_conformance CPU_LIBRARY LIBRARY [KERNEL]");
  Side cpu(arguments[1], false), other(arguments[2], true);
  const Check check(cpu, other, count == 4 ? arguments[3] : nullptr);
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    check_elementwise(check, dtype);
    check_rows_and_images(check, dtype);
    check_random_numbers(check, dtype);
    check_group_norm(check, dtype);
    check_attention(check, dtype);
    check_filters(check, dtype);
    check_tokens(check, dtype);
    check_padding(check, dtype);
  }
  check_embeddings(check);
  check_first_stages(check);
  check_convolutions(check);
  check_optimizer(check);
  check.everything_was_compared();
  return check.result();
}
