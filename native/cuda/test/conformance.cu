// Runs every kernel of a library beside the CPU's, on equal inputs, and compares; twice, for equal bits.
//
//   cuda_conformance CPU_LIBRARY LIBRARY [KERNEL]
//
// What is compared stands at the foot of each source of kernels, in `Cases`, and is compiled from there.
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
  for (const Cases::Run run : Cases::all())
    run(check);
  check.everything_was_compared();
  return check.result();
}
