package snoop

// The compiler is named with its version, so that the same source gives the
// same object wherever it is generated; CI compares the two.
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -tags linux -target bpfel -cflags "-O2 -g -Wall -Wextra -Werror -mcpu=v3" bpf bpf/snoop.bpf.c -- -I/usr/include/x86_64-linux-gnu
