//go:build ignore

// Command bundle makes the files of `make bundle` from a tree that bundle.sh has laid out, and keys to sign them with:
//
//	go run .setup/bundle.go make -kind bundle|cuda -stage DIR -out DIR -version V -commit C -control FILE -torch V [-sign FILE]
//	go run .setup/bundle.go key FILE         FILE (secret) and FILE.pub; the password is asked for, or read from KAKOI_KEY_PASSWORD
package main

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"kakoi/core/bundle"
	"kakoi/core/manifest"
	"kakoi/core/weights"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bundle: ")
	if len(os.Args) < 2 {
		log.Fatal("make or key")
	}
	var err error
	switch os.Args[1] {
	case "make":
		err = makeBundle(os.Args[2:])
	case "key":
		err = makeKey(os.Args[2:])
	default:
		err = fmt.Errorf("%q: make or key", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func makeBundle(args []string) error {
	f := flag.NewFlagSet("make", flag.ExitOnError)
	kind, stage, out := f.String("kind", "bundle", ""), f.String("stage", "", ""), f.String("out", "dist", "")
	version, commit, control := f.String("version", "", ""), f.String("commit", "", ""), f.String("control", "", "")
	torch, sign := f.String("torch", "", ""), f.String("sign", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	when := time.Unix(epoch, 0)
	name := "kakoi"
	if *kind != "bundle" {
		name += "-" + *kind
	}
	if *kind == "bundle" {
		if err := errors.Join(manual(*stage, *version), notes(filepath.Join(*stage, "lib/kakoi/models"), when)); err != nil {
			return err
		}
	}
	depends, err := needs(*stage, *kind)
	if err != nil {
		return err
	}
	if err := writeControl(*stage, *kind, *control, *version, *torch, depends); err != nil {
		return err
	}
	m := manifest.Manifest{Kind: *kind, Name: name, Version: *version, Fields: []manifest.Field{{Key: "commit", Value: *commit}, {Key: "libtorch", Value: *torch}}}
	var key *manifest.SecretKey
	var public []byte
	if *sign != "" {
		secret, err := readKey(*sign)
		if err != nil {
			return err
		}
		key, public = &secret, manifest.PublicKeyText(secret.Public().(manifest.PublicKey))
	}
	ctx := context.Background()
	s, err := bundle.Describe(ctx, *stage, m, when, key, public)
	if err != nil {
		return err
	}
	deb := filepath.Join(*out, fmt.Sprintf("%s_%s_amd64.deb", name, *version))
	tarball := filepath.Join(*out, fmt.Sprintf("%s-%s.tar.gz", name, *version))
	errs := make(chan error, 2)
	writeDeb, writeTarball := func() { errs <- s.WritePackage(ctx, deb) }, func() { errs <- s.WriteTarball(ctx, tarball) }
	if s.Manifest.Bytes() > 1<<30 { // one after the other: the package needs its size twice while it is written
		writeDeb()
		writeTarball()
	} else {
		go writeDeb()
		go writeTarball()
	}
	if err := errors.Join(<-errs, <-errs); err != nil {
		return err
	}
	for _, path := range []string{deb, tarball} {
		if key != nil {
			if err := signFile(*key, path); err != nil {
				return err
			}
		}
		if err := tell(ctx, path, key); err != nil {
			return err
		}
	}
	if key == nil {
		fmt.Println("not signed: whoever gets these files can see that they are whole, not who made them (make bundle SIGN=KEY)")
	} else {
		fmt.Printf("signed; whoever gets these files needs the public key by another way:\n%s", public)
	}
	return nil
}

// signFile signs a whole file, for those who have minisign and no Kakoi.
func signFile(key manifest.SecretKey, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sig, err := manifest.SignFrom(key, f, filepath.Base(path))
	if err != nil {
		return err
	}
	return os.WriteFile(path+".minisig", sig, 0o644)
}

// tell checks what was written as whoever gets it will, and prints its size and sum.
func tell(ctx context.Context, path string, key *manifest.SecretKey) error {
	var opt bundle.Options
	if key != nil {
		public := key.Public().(manifest.PublicKey)
		opt.Key = &public
	}
	reports, err := bundle.Check(ctx, path, opt)
	if err != nil {
		return err
	}
	for _, r := range reports {
		if !r.OK() {
			return fmt.Errorf("%s does not stand its own check: %v", path, r.Findings)
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		size, sum, err := manifest.Hash(ctx, f, nil)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		fmt.Printf("%s\n  %d bytes (%.0f MB) of %d files with %d bytes (%.0f MB)\n  SHA-256 %s\n  manifest %s\n", path, size, float64(size)/1e6, r.Files, r.Bytes,
			float64(r.Bytes)/1e6, sum, r.Manifest)
		if size >= 4<<30-1 {
			fmt.Println("  too large for a file on a FAT32 stick: use exFAT, or split -b 2G and cat")
		}
	}
	return nil
}

// notes writes the models' hashes beside them: an installation stays as it was packed, so the program does not.
func notes(models string, when time.Time) error {
	entries, err := os.ReadDir(models)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(models, e.Name())
		err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chtimes(p, when, when)
		})
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, "config.json")); errors.Is(err, fs.ErrNotExist) {
			continue // an adapter, which is small
		}
		folder, err := weights.Open(dir)
		if err != nil {
			return err
		}
		if err := folder.Pack(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// system are the libraries that a system has without any of the packages we recommend, and the package that each is in.
var system = map[string]string{
	"libc.so.6": "libc6", "libm.so.6": "libc6", "libdl.so.2": "libc6", "libpthread.so.0": "libc6", "librt.so.1": "libc6", "ld-linux-x86-64.so.2": "libc6",
	"libutil.so.1": "libc6", "libstdc++.so.6": "libstdc++6", "libgcc_s.so.1": "libgcc-s1",
	"libz.so.1": "zlib1g", // of cuDNN; dpkg itself needs it
}

// gcc says with which version of GCC a symbol version of libstdc++ came (GLIBCXX_3.4.N).
var gcc = map[int]string{26: "9", 27: "9", 28: "9", 29: "11", 30: "12", 31: "13", 32: "13.2", 33: "14"}

// needs finds what the binaries of the tree need of a system, as a package's Depends, and fails where something is neither in the tree nor in every system.
func needs(stage, kind string) (string, error) {
	inside := map[string]bool{}
	var binaries []string
	err := filepath.WalkDir(stage, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		head := make([]byte, 4)
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		if n, err := f.Read(head); err == nil && n == 4 && string(head) == elf.ELFMAG {
			binaries = append(binaries, p)
			inside[filepath.Base(p)] = true
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	packages := map[string]bool{}
	libc, cxx := 0, 0
	for _, p := range binaries {
		f, err := elf.Open(p)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		libraries, err := f.ImportedLibraries()
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		for _, lib := range libraries {
			switch {
			case inside[lib]:
			case system[lib] != "":
				packages[system[lib]] = true
			case kind == "cuda" && cudaSystem(lib): // the driver's, and what NVIDIA's libraries can use for more than one machine
			default:
				return "", fmt.Errorf("%s needs %s, which is neither in the bundle nor in every system", p, lib)
			}
		}
		symbols, err := f.ImportedSymbols()
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		for _, s := range symbols {
			if v, ok := strings.CutPrefix(s.Version, "GLIBC_2."); ok {
				n, _ := strconv.Atoi(strings.Split(v, ".")[0])
				libc = max(libc, n)
			}
			if v, ok := strings.CutPrefix(s.Version, "GLIBCXX_3.4."); ok {
				n, _ := strconv.Atoi(v)
				cxx = max(cxx, n)
			}
		}
		if err := f.Close(); err != nil {
			return "", err
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		switch name {
		case "libc6":
			name += fmt.Sprintf(" (>= 2.%d)", libc)
		case "libstdc++6":
			v, ok := gcc[max(cxx, 26)]
			if !ok {
				return "", fmt.Errorf("GLIBCXX_3.4.%d: which GCC it came with is not known here", cxx)
			}
			name += fmt.Sprintf(" (>= %s)", v)
		}
		list = append(list, name)
	}
	return strings.Join(list, ", "), nil
}

func cudaSystem(lib string) bool {
	for _, known := range []string{"libcuda.so.1", "libnvidia-ml.so.1", "libibverbs.so.1", "libmlx5.so.1", "librdmacm.so.1", "libfabric.so.1", "libmpi.so.40", "liboshmem.so.40",
		"libucs.so.0", "libucp.so.0", "libpmix.so.2", "libtorch.so", "libtorch_python.so"} {
		if lib == known {
			return true
		}
	}
	return false
}

// writeControl fills the control file of the package.
func writeControl(stage, kind, template, version, torch, depends string) error {
	text, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	var bytes int64
	err = filepath.WalkDir(stage, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += (info.Size() + 1023) / 1024 * 1024
		}
		return err
	})
	if err != nil {
		return err
	}
	filled := strings.NewReplacer("@VERSION@", version, "@TORCH@", torch, "@DEPENDS@", depends, "@SIZE@", fmt.Sprint(bytes/1024)).Replace(string(text))
	dir := filepath.Join(stage, filepath.FromSlash(bundle.Folder(kind)), bundle.ControlFolder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "control"), []byte(filled), 0o644)
}

// manual writes the manual pages from what the program itself says, so that they tell of every command and flag.
func manual(stage, version string) error {
	program, err := filepath.Abs(filepath.Join(stage, "lib/kakoi/kakoi"))
	if err != nil {
		return err
	}
	for _, l := range []struct{ lang, dir, name, about, overview, commands string }{
		{"en", "share/man/man1", "NAME", "answers from your own documents, without a network", "SYNOPSIS", "COMMANDS"},
		{"ja", "share/man/ja/man1", "名前", "手元の文書から、ネットワークを使わずに答える", "書式", "コマンド"},
	} {
		say := func(args ...string) (string, error) {
			out, err := exec.Command(program, append([]string{"--lang", l.lang, "help"}, args...)...).Output()
			if err != nil {
				return "", fmt.Errorf("help %v: %w", args, err)
			}
			return string(out), nil
		}
		var page bytes.Buffer
		fmt.Fprintf(&page, ".TH KAKOI 1 \"\" \"kakoi %s\" \"\"\n.SH %s\nkakoi \\- %s\n", roff(version), l.name, l.about)
		overview, err := say()
		if err != nil {
			return err
		}
		fmt.Fprintf(&page, ".SH %s\n.nf\n%s.fi\n", l.overview, roff(overview))
		fmt.Fprintf(&page, ".SH %s\n", l.commands)
		for _, name := range commandsOf(overview) {
			text, err := say(name)
			if err != nil {
				return err
			}
			own, _, _ := strings.Cut(text, "\n\n"+globals(overview)) // flags that every command has are told once
			fmt.Fprintf(&page, ".SS \"kakoi %s\"\n.nf\n%s\n.fi\n", roff(name), roff(strings.TrimRight(own, "\n")))
		}
		path := filepath.Join(stage, l.dir, "kakoi.1")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, page.Bytes(), 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// commandsOf lists the commands of help's overview: its second block of indented lines.
func commandsOf(overview string) (names []string) {
	block := 0
	for _, paragraph := range strings.Split(overview, "\n\n") {
		lines := strings.Split(strings.TrimSpace(paragraph), "\n")
		if len(lines) < 2 || !strings.HasPrefix(lines[1], "  ") {
			continue
		}
		if block++; block != 2 {
			continue
		}
		for _, line := range lines[1:] {
			names = append(names, strings.Fields(line)[0])
		}
	}
	return names
}

// globals is the heading of the flags that every command has: that of the overview's third block.
func globals(overview string) string {
	block := 0
	for _, paragraph := range strings.Split(overview, "\n\n") {
		lines := strings.Split(strings.TrimSpace(paragraph), "\n")
		if len(lines) > 1 && strings.HasPrefix(lines[1], "  ") {
			if block++; block == 3 {
				return lines[0]
			}
		}
	}
	return "\x00"
}

// roff escapes what the formatter would read as its own.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// readKey reads a secret key and asks for its password if it has one.
func readKey(path string) (manifest.SecretKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return manifest.SecretKey{}, err
	}
	password := ""
	if manifest.EncryptedKey(text) {
		if password, err = ask("Password of " + path + ": "); err != nil {
			return manifest.SecretKey{}, err
		}
	}
	return manifest.ParseSecretKey(text, password)
}

func ask(prompt string) (string, error) {
	if p, ok := os.LookupEnv("KAKOI_KEY_PASSWORD"); ok {
		return p, nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", errors.New("no terminal to ask for the key's password on, and no KAKOI_KEY_PASSWORD")
	}
	fmt.Fprint(os.Stderr, prompt)
	p, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	return string(p), err
}

// makeKey writes a key pair, and replaces none.
func makeKey(args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("key FILE")
	}
	path := args[0]
	for _, p := range []string{path, path + ".pub"} {
		if _, err := os.Lstat(p); err == nil {
			return fmt.Errorf("%s exists: a key that is lost cannot be made again, so none is replaced", p)
		}
	}
	password, err := ask("Password for the new key (empty: none): ")
	if err != nil {
		return err
	}
	if _, given := os.LookupEnv("KAKOI_KEY_PASSWORD"); !given && password != "" {
		again, err := ask("Again: ")
		if err != nil {
			return err
		}
		if again != password {
			return errors.New("the two are not the same; no key was made")
		}
	}
	public, secret, err := manifest.NewKey(password)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(secret)
	if err := errors.Join(err, f.Sync(), f.Close(), os.WriteFile(path+".pub", public, 0o644)); err != nil {
		return err
	}
	fmt.Printf("%s is the secret key: keep it away from the machines that build and from the stick.\n%s.pub is the public one:\n%s", path, path, public)
	return nil
}
