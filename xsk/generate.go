package xsk

// The compiler is named with its version, so that the same source gives the
// same object wherever it is generated; CI compares the two.
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -tags linux -target bpfel -type reason -type offload -type flow -type client -type unruled -cflags "-O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -mcpu=v3" bpf bpf/thresher.bpf.c -- -I/usr/include/x86_64-linux-gnu
