// Command kakoi asks your own documents on a closed network: the command line, the single instance and the
// composition root of the user's process (the engine process is cmd/kakoi-engine).
//
// One process owns a data folder; it holds the lock file. A second kakoi hands its arguments to the first
// over a Unix socket in that folder, which runs the command and sends back what it prints and its exit
// code (instance.go, guest.go). So a command is a function of a call: it never touches os.Stdout, the working folder or
// the environment.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found in the documents (ask), 4 cancelled.
package main
