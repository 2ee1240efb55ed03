// Package generator makes traffic inside the kernel: frames of random clients,
// 64 bytes each, that enter a veth as if a switch had forwarded them. It is an
// XDP program run by BPF_PROG_TEST_RUN on live frames, so that no system call
// and no copy is paid per frame (Linux, Documentation/bpf/bpf_prog_run.rst).
//
// The receiving end of the veth needs an XDP program or GRO: without one it has
// no NAPI context and the kernel drops what is redirected to it. Its receive
// work runs on the generator's own CPU, one batch after another, so that the
// time of a frame is the generator's time plus the receiver's.
package generator
