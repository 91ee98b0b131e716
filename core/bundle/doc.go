// Package bundle writes and checks what carries Kakoi to a machine without a network: a Debian package, a tarball, and the tree
// that is there after either was installed.
//
// # One tree, one manifest
//
// The same files lie in each form, below a prefix: "usr/" in the package, "NAME-VERSION/" in the tarball, whatever the installer
// was told in a tree.
//
//	bin/kakoi                           link to the program
//	lib/kakoi/...                       programs, libraries, models, fonts
//	share/...                           manual pages, desktop entry, icons, licences
//	lib/kakoi/bundle/MANIFEST           package manifest's text over all of them but itself and its signature
//	lib/kakoi/bundle/MANIFEST.minisig   its signature, where the maker has a key
//	lib/kakoi/bundle/kakoi.pub          the maker's public key, where there is one
//	lib/kakoi/bundle/BUILD              what it was built from and with
//	lib/kakoi/bundle/install.sh         the tarball's installer
//	lib/kakoi/bundle/debian/...         the package's control files, as they lie in it
//
// A second, optional part (the libraries for an NVIDIA GPU) has a tree of its own with its manifest in lib/kakoi/bundle-cuda.
//
// # Forms
//
// The package is an ar archive of debian-binary, control.tar, data.tar.zst and, last, _kakoi; dpkg ignores what comes behind
// data.tar. The tarball is two gzip members: the tar archive, and an empty one whose extra field is what _kakoi holds: the seal,
// the SHA-256 of every byte of the file before it. Within the archives entries are sorted, belong to root and have the time of the
// commit; there is one way to write them, and [Check] compares with that, byte by byte. Compression is that of the pinned
// klauspost/compress, so that the same files give the same bytes on any machine.
//
// # What a check says
//
// [Check] names every file that is missing, additional or changed, of whatever it is given. Who made the bundle is another question: a signature answers it for
// someone who has the maker's key from elsewhere ([Options.Key]); the key that lies in the bundle itself proves nothing about the one who put it there.
package bundle
