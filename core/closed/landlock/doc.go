// Package landlock leaves a program nothing of the file system but what it is told, with the kernel's Landlock.
//
// [Restrict] closes the calling thread; the program that this thread becomes by exec is closed as a whole, in every thread, and so are its
// children. Nothing opens it again. With the rules go, as far as the kernel knows them: no TCP connection and no listening (a second lock
// behind the seccomp filter of package closed), no abstract Unix sockets and no signals to programs outside, no ioctl on devices but those
// named. What was open before stays open.
//
// The program hears by its environment ([Announce]) what was granted, and tries with [Inherited] whether the rest is refused: that it was told so
// proves nothing.
//
// Kernels before 5.13, and those that were started without Landlock, have none: then the State says so, and nothing is closed.
//
// Source of the rules: Linux's Documentation/userspace-api/landlock.rst, landlock(7).
package landlock
