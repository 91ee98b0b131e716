// Package closed shuts the process off from every network, for good, and proves it.
//
// [Lock] is the first call of each of Kakoi's programs. It installs a seccomp filter on all threads of the
// process (children and later threads inherit it, nothing can take it off again), then tries to open sockets of
// every address family: one that opens is an error that means "refuse to start". Go's default HTTP transport and
// name resolver are replaced by ones that always fail, so that a library with a habit of calling home gets a
// plain error instead of a system call that is refused.
//
// What stays open are Unix domain sockets (the engine process, the display server, the single-instance socket)
// and descriptors that were inherited already open.
//
// Source of the rules: seccomp(2), and Linux's Documentation/userspace-api/seccomp_filter.rst on the architecture
// and x32 pitfalls.
package closed
